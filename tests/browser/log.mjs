// What the server's access log says of a browser's requests. ACCESS_LOG: its file, in JSON.
import { readFileSync } from 'node:fs';
import { setTimeout as later } from 'node:timers/promises';

const lines = () => readFileSync(process.env.ACCESS_LOG, 'utf8').split('\n').slice(0, -1);

// From here on: how many lines there are.
export const logged = () => lines().length;

// Since then: in which protocol, over how many connections; once the log has `fewest` requests of that listener, or after a while.
export async function carried(since, listener, fewest) {
  const patience = Date.now() + 20000;
  for (;;) {
    const requests = lines().slice(since).map((line) => JSON.parse(line)).filter((one) => one.listener === listener);
    if (requests.length >= fewest || Date.now() > patience) {
      return { enough: requests.length >= fewest, protocols: [...new Set(requests.map((one) => one.protocol))],
        connections: new Set(requests.map((one) => one.remote)).size };
    }
    await later(50);
  }
}
