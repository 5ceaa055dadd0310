# shellcheck shell=bash
# What the server tests share. A test is a bash script tests/server/NAME.test that starts with
#
#     . "${srcdir:-.}/tests/server/lib.sh"
#
# and then starts servers, asks them, and states what it expects; each statement is one line "ok" or "not ok" of its
# log. Leaving the script stops the servers, removes $T, and decides the exit status: 0, 1 (something was not ok, a
# server did not end cleanly, or nothing was stated), 77 (skip) or 99 (bail).
#
# By `make check` or by hand from the build folder: srcdir=.. bash ../tests/server/NAME.test
#
#   $T      a new folder, gone afterwards         $LAB      a practice PKI (read only: several tests share it)
#   $MTLSD  the program                           $MTLSD_PLAIN  the same without the preemption
#   $TOOLS  the folder of the programs of tests/tools
#   $URL_name $PORT_name   of each listener of the server started last
#   $MTLSD_PID $MTLSD_LOG  its process and what it wrote to stdout and stderr
#   $status $T/body $T/headers $T/curl.err   of the request made last
set -euo pipefail
shopt -s inherit_errexit nullglob
export LC_ALL=C.UTF-8
unset http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY CDPATH NOTIFY_SOCKET LISTEN_FDS LISTEN_PID WATCHDOG_USEC
umask 077

srcdir=$(cd "${srcdir:-$(dirname "${BASH_SOURCE[0]}")/../..}" && pwd)
builddir=$(cd "${abs_builddir:-.}" && pwd)
MTLSD=${MTLSD:-$builddir/mtlsd}
MTLSD_PLAIN=${MTLSD_PLAIN:-$builddir/tests/mtlsd-plain}
TOOLS=${TOOLS:-$builddir/tests/tools}
export srcdir builddir MTLSD MTLSD_PLAIN TOOLS

T=$(mktemp -d "${TMPDIR:-/tmp}/mtlsd-test.XXXXXX")
# How long anything that should happen at once may take: generous, because machines are busy; never the normal case.
PATIENCE=${PATIENCE:-20}

lib_ok=0
lib_not_ok=0
lib_pids=()
lib_logs=()

# ---- statements -----------------------------------------------------------------------------------------------------

ok() {
    lib_ok=$((lib_ok + 1))
    printf 'ok %d - %s\n' $((lib_ok + lib_not_ok)) "$*"
}

# not_ok WHAT [DETAIL...]: each detail is printed below, however many lines it has.
not_ok() {
    local what=$1
    shift
    lib_not_ok=$((lib_not_ok + 1))
    printf 'not ok %d - %s\n' $((lib_ok + lib_not_ok)) "$what"
    if (($#)); then
        printf '%s\n' "$@" | sed 's/^/#   /'
    fi
}

# is GOT WANT WHAT
is() {
    if [[ $1 == "$2" ]]; then ok "$3"; else not_ok "$3" "got:  $1" "want: $2"; fi
}

# like GOT REGEX WHAT and unlike GOT REGEX WHAT (extended regular expressions)
like() {
    if [[ $1 =~ $2 ]]; then ok "$3"; else not_ok "$3" "got:  $1" "want: /$2/"; fi
}
unlike() {
    if [[ $1 =~ $2 ]]; then not_ok "$3" "got: $1" "do not want: /$2/"; else ok "$3"; fi
}

# expect_true WHAT COMMAND...: the command succeeds. Its output is shown when it does not.
expect_true() {
    local what=$1 out
    shift
    if out=$("$@" 2>&1); then ok "$what"; else not_ok "$what" "$*: status $?" "$out"; fi
}

# expect_exit STATUS WHAT COMMAND...: output in $T/out and $T/err.
expect_exit() {
    local want=$1 what=$2 got=0
    shift 2
    "$@" >"$T/out" 2>"$T/err" </dev/null || got=$?
    if [[ $got -eq $want ]]; then
        ok "$what"
    else
        not_ok "$what" "$*" "exit status $got, want $want" "$(head -c 2000 "$T/out" "$T/err")"
    fi
}

skip() {
    echo "SKIP: $*"
    exit 77
}

bail() {
    echo "Bail out! $*"
    exit 99
}

# need COMMAND...: a machine without one of them cannot run this test. ./bootstrap installs all that the tests need.
need() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
}

# ---- the lab --------------------------------------------------------------------------------------------------------

# $LAB: made once by make and shared, or made now for a test that is run by hand.
lib_lab() {
    LAB=${MTLSD_LAB:-}
    if [[ -z $LAB ]]; then
        LAB=$T/lab
        "$MTLSD" lab "$LAB" >"$T/lab.log" 2>&1 || bail "mtlsd lab: $(cat "$T/lab.log")"
    fi
    [[ -r $LAB/root.crt ]] || bail "no lab in $LAB"
    export LAB
}

# ---- servers --------------------------------------------------------------------------------------------------------

# wait_for COMMAND...: until it succeeds, at most $PATIENCE seconds.
wait_for() {
    local end=$((SECONDS + PATIENCE))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.02
    done
}

lib_ready_or_gone() {
    [[ -s $1 ]] || ! kill -0 "$2" 2>/dev/null
}
lib_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# alone: waits until no other test that says so runs in this build folder. For those that make much load, or measure under it.
alone() {
    exec {lib_alone}>"$builddir/tests/alone.lock"
    flock "$lib_alone"
}

# start_mtlsd CONF [ARGUMENT...]: returns when every listener listens; bails when the server ends before that.
# Several may run at once; the variables are those of the last. MTLSD_BIN=... runs another program.
start_mtlsd() {
    local conf=$1 n=${#lib_pids[@]} name url port variable
    shift
    MTLSD_LOG=$T/mtlsd.$n.log
    MTLSD_READY=$T/mtlsd.$n.ready
    rm -f "$MTLSD_READY"
    "${MTLSD_BIN:-$MTLSD}" serve -c "$conf" --ready-file "$MTLSD_READY" "$@" >"$MTLSD_LOG" 2>&1 </dev/null &
    MTLSD_PID=$!
    lib_pids+=("$MTLSD_PID")
    lib_logs+=("$MTLSD_LOG")
    wait_for lib_ready_or_gone "$MTLSD_READY" "$MTLSD_PID" || bail "the server is not ready after $PATIENCE s"
    [[ -s $MTLSD_READY ]] || bail "the server ended before it was ready: $conf"

    while read -r name url; do
        port=${url%/}
        port=${port##*:}
        variable=${name//[^A-Za-z0-9_]/_}
        printf -v "URL_$variable" '%s' "${url%/}"
        printf -v "PORT_$variable" '%s' "$port"
        export "URL_$variable" "PORT_$variable"
    done <"$MTLSD_READY"
}

# stop_mtlsd [PID]: SIGTERM, and states that the server ended with status 0, which it also does not do when a
# sanitizer found something. A server that does not end is killed.
stop_mtlsd() {
    local pid=${1:-$MTLSD_PID} i code=0
    for i in "${!lib_pids[@]}"; do
        [[ ${lib_pids[i]} == "$pid" ]] || continue
        lib_pids[i]=
        kill -TERM "$pid" 2>/dev/null || true
        if wait_for lib_gone "$pid"; then
            wait "$pid" || code=$?
            is "$code" 0 "the server ends with status 0"
        else
            kill -KILL "$pid" 2>/dev/null || true
            wait "$pid" || true
            not_ok "the server ends within $PATIENCE s of SIGTERM"
        fi
        return
    done
}

# log_has REGEX WHAT: the server's log has, now or soon, a line that matches.
log_has() {
    if wait_for grep -qE -- "$1" "$MTLSD_LOG"; then
        ok "$2"
    else
        not_ok "$2" "no line /$1/ in the log; its end is:" "$(tail -n 20 "$MTLSD_LOG")"
    fi
}

# free_port: nobody listens there; for programs that cannot choose one by themselves, and servers that start again where they
# were: below those that the kernel gives to connections, which would take it meanwhile.
free_port() {
    local first=10000 end p
    read -r end _ </proc/sys/net/ipv4/ip_local_port_range
    ((end > first + 1000)) || end=65535
    # Those who ask at the same time look in different places: several beside each other may be taken.
    for ((p = first + 37 * $$ % (end - first - 500); p < end; p++)); do
        ! (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null || continue
        echo "$p"
        return
    done
}

# The program was built with a sanitizer, which keeps freed memory: sizes say nothing then.
is_sanitized() {
    grep -qE '__(asan|tsan)_init' "$MTLSD"
}

# cpu_ms [PID]: processor time that the process has used, in milliseconds (as exact as the kernel's clock ticks).
cpu_ms() {
    local stat fields
    stat=$(<"/proc/${1:-$MTLSD_PID}/stat")
    read -r -a fields <<<"${stat##*) }"
    echo $(((fields[11] + fields[12]) * 1000 / $(getconf CLK_TCK)))
}

# ---- requests -------------------------------------------------------------------------------------------------------

# request CURL-ARGUMENT...: sets $status ("000": no answer; the reason is in $T/curl.err), $curl_exit, $T/body, $T/headers.
# curl speaks for the weak client too, whose key OpenSSL would not use by default.
request() {
    curl_exit=0
    : >"$T/body"
    : >"$T/headers"
    status=$(OPENSSL_CONF=$LAB/weak-keys.cnf curl -sS --max-time "$PATIENCE" --cacert "$LAB/root.crt" -o "$T/body" -D "$T/headers" -w '%{http_code}' \
        "$@" 2>"$T/curl.err" </dev/null) || curl_exit=$?
}

# speaks_http2: a request does, where nothing is said of the version: this program and this curl can. What is about HTTP/1.1
# says --http1.1, or `http2 = off` in the listener.
speaks_http2() {
    [[ $("$MTLSD" --version) == *'HTTP/2: nghttp2'* && $(curl --version) == *HTTP2* ]]
}

# as CLIENT: the curl arguments of one of the lab's clients, in the array $AS; none without a name.
#     as expired; expect_status 403 'expired' "${AS[@]}" "$URL_request/secure/"
# shellcheck disable=SC2034  # AS is for the test
as() {
    AS=()
    case ${1:-none} in
    none) ;;
    good) AS=(--cert "$LAB/client.crt" --key "$LAB/client.key") ;;
    *) AS=(--cert "$LAB/client-$1.crt" --key "$LAB/client-$1.key") ;;
    esac
}

# expect_status STATUS WHAT CURL-ARGUMENT...
expect_status() {
    local want=$1 what=$2
    shift 2
    request "$@"
    if [[ $status == "$want" ]]; then
        ok "$what"
    else
        not_ok "$what" "curl $*" "status $status, want $want (curl: $curl_exit)" "$(head -c 1000 "$T/curl.err")" \
            "$(head -c 1000 "$T/body" | tr -d '\0')"
    fi
}

# expect_refused PATTERN WHAT CURL-ARGUMENT...: no answer at all, and curl's reason or "alert NAME", for each alert that
# came in, matches. (curl has words of its own for some alerts in TLS 1.2, and tells of others only with -v.)
expect_refused() {
    local pattern=$1 what=$2
    shift 2
    request -v "$@"
    sed -n 's/.*(IN), TLS alert, \(.*\) ([0-9]*):.*/alert \L\1/p; /^curl:/p' "$T/curl.err" >"$T/curl.why"
    mv "$T/curl.why" "$T/curl.err"
    if [[ $status == 000 && $curl_exit -ne 0 && $(<"$T/curl.err") =~ $pattern ]]; then
        ok "$what"
    else
        not_ok "$what" "curl $*" "status $status (curl: $curl_exit), want none and /$pattern/" "$(head -c 1000 "$T/curl.err")"
    fi
}

# expect_json FILTER WHAT [JQ-ARGUMENT...]: jq's filter is true for the body of the last request.
expect_json() {
    local filter=$1 what=$2
    shift 2
    if jq -e "$@" "$filter" "$T/body" >"$T/jq.out" 2>&1; then
        ok "$what"
    else
        not_ok "$what" "jq: $filter" "$(head -c 500 "$T/jq.out")" "body: $(head -c 3000 "$T/body" | tr -d '\0')"
    fi
}

# expect_header NAME REGEX WHAT: of the last request. header NAME prints its value (all of them, one a line).
header() {
    tr -d '\r' <"$T/headers" | sed -n "s/^$1:[[:space:]]*//Ip"
}
expect_header() {
    local value
    value=$(header "$1")
    if [[ -n $value && $value =~ $2 ]]; then ok "$3"; else not_ok "$3" "$1: $value" "want: /$2/"; fi
}

# odd_certificates: good ones of clients with names of all sizes, in $T: fifty of them (fifty.crt, .key), one of a thousand characters
# (long), none but alternative ones (nameless).
odd_certificate() { # NAME SUBJECT SAN
    local made=false
    printf '%s\n' 'basicConstraints = critical,CA:FALSE' 'keyUsage = critical,digitalSignature' 'extendedKeyUsage = clientAuth' \
        'authorityKeyIdentifier = keyid' "subjectAltName = $3" >"$T/$1.ext"
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.key" -subj "$2" -out "$T/$1.csr" >/dev/null 2>&1 &&
        openssl x509 -req -in "$T/$1.csr" -CA "$LAB/intermediate.crt" -CAkey "$LAB/intermediate.key" -days 1 -extfile "$T/$1.ext" \
            -out "$T/$1.crt" >/dev/null 2>&1 && made=true
    $made || bail "openssl makes no certificate: $1"
    cat "$LAB/intermediate.crt" >>"$T/$1.crt"
}
odd_certificates() {
    odd_certificate fifty /CN=fifty "$(printf 'DNS:host-%s.department.example.org,' {1..50})email:fifty@example.org"
    odd_certificate long "/O=Example$(printf '/OU=%064d' {1..15})/CN=long" 'email:long@example.org'
    odd_certificate nameless / 'critical,DNS:first.example.org,email:second@example.org'
}

# ---- a client that is driven line by line ------------------------------------------------------------------------------

# drive_start: tests/tools/drive.c as a coprocess. ask COMMAND sets $answer to its line. drive_stop ends it.
drive_start() {
    export DRIVE_CA=$LAB/root.crt
    coproc DRIVE { exec "$builddir/tests/tools/drive"; }
    # shellcheck disable=SC2153  # coproc sets it
    drive_pid=$DRIVE_PID
    drive_out=${DRIVE[0]}
    drive_in=${DRIVE[1]}
}
# shellcheck disable=SC2034  # answer is for the test
ask() {
    printf '%s\n' "$1" >&"$drive_in"
    IFS= read -r -t "$PATIENCE" answer <&"$drive_out" || answer='no answer'
}
drive_stop() {
    exec {drive_in}>&-
    wait "$drive_pid" || true
}

# ---- tables ---------------------------------------------------------------------------------------------------------

# each_row FILE FUNCTION: calls FUNCTION with the fields of every row: tab-separated, "-" for an empty one, lines that
# are empty or start with # are for people.
each_row() {
    local line row n=0 i
    while IFS= read -r line <&9 || [[ -n $line ]]; do
        [[ -n $line && $line != '#'* ]] || continue
        IFS=$'\t' read -r -a row <<<"$line"
        for i in "${!row[@]}"; do
            [[ ${row[i]} != - ]] || row[i]=
        done
        n=$((n + 1))
        "$2" "${row[@]}"
    done 9<"$1"
    ((n > 0)) || bail "$1 has no rows"
}

# ---- the end --------------------------------------------------------------------------------------------------------

lib_end() {
    local code=$? pid log
    trap - EXIT
    set +e
    for pid in "${lib_pids[@]}"; do
        [[ -z $pid ]] && continue
        if [[ $code -eq 0 ]]; then
            stop_mtlsd "$pid"
        else
            kill -KILL "$pid" 2>/dev/null
            wait "$pid" 2>/dev/null
        fi
    done
    if [[ $code -eq 0 && $lib_not_ok -gt 0 ]]; then
        code=1
    elif [[ $code -eq 0 && $lib_ok -eq 0 ]]; then
        echo 'not ok - the test states nothing'
        code=1
    elif [[ $code -ne 0 && $code -ne 77 && $code -ne 99 ]]; then
        echo "not ok - the script stopped with status $code"
    fi
    if [[ $code -ne 0 && $code -ne 77 ]]; then
        for log in "${lib_logs[@]}"; do
            echo "# ---- the end of ${log##*/}"
            tail -n 200 "$log" | sed 's/^/# /'
        done
    fi
    echo "# $lib_ok ok, $lib_not_ok not ok"
    rm -rf "$T"
    exit "$code"
}
trap lib_end EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'echo "# ${BASH_SOURCE[0]##*/}:$LINENO: status $? from: $BASH_COMMAND"' ERR

[[ -x $MTLSD ]] || bail "$MTLSD is not there: run make"
need curl jq
lib_lab
