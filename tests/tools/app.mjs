// An application on Node's own http module, for http_apps.test: node app.mjs SOCKET REPORT
//
//   /who      what it is told about its client         /sum      SHA-256 and length of the body
//   /bytes?N  N bytes, without a length                /events   three events, the last ones when somebody asks for /go
//   /         a page that uses all of it, and a WebSocket, and posts what came of it to /report, which is written to the file REPORT
//
// A WebSocket is anything that asks for one; it gets its messages back (RFC 6455, short and masked ones, as browsers send them).
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";

const [socket, report] = process.argv.slice(2);
const PAGE = `<!doctype html><title>app</title><script type="module">
const found = [];
const socket = new WebSocket(location.href.replace(/^http/, "ws") + "socket");
const echo = new Promise((resolve, reject) => {
    socket.onopen = () => socket.send("there and back");
    socket.onmessage = (event) => { resolve(event.data); socket.close(); };
    socket.onerror = () => reject(new Error("no WebSocket"));
});
found.push("socket " + await echo.catch(String));
const events = new EventSource("events");
const seen = [];
found.push("events " + await new Promise((resolve) => {
    events.onmessage = ({ data }) => {
        seen.push(data);
        if (seen.length === 1) fetch("go");
        if (seen.length === 3) { events.close(); resolve(seen.join(",")); }
    };
}));
const body = "x".repeat(300000);
found.push("sum " + await (await fetch("sum", { method: "POST", body })).text());
found.push("bytes " + (await (await fetch("bytes?300000")).arrayBuffer()).byteLength);
await fetch("report", { method: "POST", body: found.join("\\n") + "\\n" });
</script>`;
let waiting = [];

function sum(request, done) {
    const hash = createHash("sha256");
    let length = 0;
    request.on("data", (piece) => { hash.update(piece); length += piece.length; });
    request.on("end", () => done(`${hash.digest("hex")} ${length}`));
}

const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url, "http://app");
    const plain = (text) => response.writeHead(200, { "Content-Type": "text/plain" }).end(text);
    if (pathname === "/") {
        response.writeHead(200, { "Content-Type": "text/html" }).end(PAGE);
    } else if (pathname === "/who") {
        const { headers: of } = request;
        plain(`${of["x-ssl-client-verify"]}|${of["x-ssl-client-s-dn"] ?? ""}|${of["x-forwarded-proto"]}|${of.host}`);
    } else if (pathname === "/sum") {
        sum(request, plain);
    } else if (pathname === "/bytes") {
        response.writeHead(200, { "Content-Type": "application/octet-stream" });
        const piece = Buffer.alloc(65536, "b");
        let left = Number(search.slice(1));
        const go = () => {
            while (left > 0) {
                const now = piece.subarray(0, Math.min(left, piece.length));
                left -= now.length;
                if (!response.write(now) && left > 0) return response.once("drain", go);
            }
            return response.end();
        };
        go();
    } else if (pathname === "/events") {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.write("data: one\n\n");
        waiting.push(response);
    } else if (pathname === "/go") {
        for (const one of waiting) one.end("data: two\n\ndata: three\n\n");
        waiting = [];
        plain("gone");
    } else if (pathname === "/report") {
        const pieces = [];
        request.on("data", (piece) => pieces.push(piece));
        request.on("end", () => { writeFileSync(report, Buffer.concat(pieces)); plain("taken"); });
    } else {
        response.writeHead(404).end();
    }
});

server.on("upgrade", (request, connection, head) => {
    const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    connection.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}\r\n\r\n`);
    let bytes = head;
    connection.on("error", () => {});
    connection.on("data", (piece) => {
        bytes = Buffer.concat([bytes, piece]);
        for (;;) {
            const length = bytes.length > 1 ? bytes[1] & 127 : 0;
            if (bytes.length < 6 || bytes.length < 6 + length) return;
            const text = Buffer.from(bytes.subarray(6, 6 + length)).map((byte, i) => byte ^ bytes[2 + (i & 3)]);
            if ((bytes[0] & 15) === 8) return void connection.end(Buffer.from([0x88, 0]));
            connection.write(Buffer.concat([Buffer.from([0x80 | (bytes[0] & 15), length]), text]));
            bytes = bytes.subarray(6 + length);
        }
    });
});
server.listen(socket);
