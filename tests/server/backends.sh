# Scripted backends (tests/tools/backend.py, h2_backend.py) for the tests that source this behind lib.sh. They end with the test.
# shellcheck shell=bash
backends=()
declare -A backend_of=()
trap 'ended=$?; set +e; trap - ERR; kill "${backends[@]}" 2>/dev/null; (exit "$ended"); lib_end' EXIT
# backend NAME [ARGUMENT...]: starts one; its port in PORT_NAME
backend() {
    local name=$1 port
    shift
    python3 "$srcdir/tests/tools/${tool:-backend.py}" "$T/$name.ready" --name "$name" "$@" >"$T/$name.log" 2>&1 </dev/null &
    backends+=("$!")
    backend_of[$name]=$!
    wait_for test -s "$T/$name.ready" || bail "the backend $name is not ready: $(cat "$T/$name.log")"
    port=$(<"$T/$name.ready")
    printf -v "PORT_$name" '%s' "$port"
}
# backend_dies NAME: at once, whatever it is doing
backend_dies() {
    kill -KILL "${backend_of[$1]}"
    wait "${backend_of[$1]}" 2>/dev/null || true
    rm "$T/$1.ready"
}
# h2_backend NAME [ARGUMENT...]: one of tests/tools/h2_backend.py; where it takes orders in ORDERS_NAME
h2_backend() {
    tool=h2_backend.py backend "$@"
    printf -v "ORDERS_$1" '%s' "$(<"$T/$1.ready.orders")"
}
