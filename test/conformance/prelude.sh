# Helper functions of the scripts of recorded cases, on the devices of a server instead of a kernel's. The machine behind
# them (machine.ts) is asked through a connection of 127.0.0.1, which costs bash no program.
#
# CONFORMANCE_ROOT is the folder that stands for /: the script's words /sys/…, /dev/…, /tmp/… and /run/… have been given it
# in front. What is below sys/ is kept in step with the server before each command of the script.

export DM_DISABLE_UDEV=1
T=$CONFORMANCE_ROOT/sys/kernel/tracing
EVS="block_bio_queue block_bio_backmerge block_bio_frontmerge block_getrq block_plug block_unplug block_rq_insert block_rq_issue block_rq_merge block_rq_complete block_rq_remap block_rq_requeue block_rq_error block_bio_remap block_bio_complete block_split"

# Asks the machine something that has no output; the status is its answer.
_ask() {
  local to line status=125
  exec {to}<>"/dev/tcp/127.0.0.1/$CONFORMANCE_PORT" || return 127
  printf '%s\0' "$CONFORMANCE_KEY" "$1" "$PWD" "$BASHPID" "" "" "" "$(($# - 1))" "${@:2}" >&"$to"
  while IFS= read -r line <&"$to"; do
    case $line in
      o*) printf %b "${line#o}" ;;
      e*) printf %b "${line#e}" >&2 ;;
      x*) status=${line#x}; break ;;
    esac
  done
  exec {to}>&-
  return "$status"
}

# 1 while a helper does its own work: then nothing has to be kept in step.
_own=1
_before() {
  [[ "$_own" = 1 ]] && return
  case ${FUNCNAME[1]} in echo | printf | _wrote | '[' | test) return ;; esac
  _own=1
  _ask sync
  _own=
}

# ---- what scripts call ------------------------------------------------------------------------------------------------

t() { echo; echo "## $*"; }

_k() { _ask kmsg; }

run() {
  local _own=1 rc
  builtin echo "\$ $*"
  _own=
  eval "$@" >"$CONFORMANCE_ROOT/tmp/.out" 2>&1 </dev/null
  rc=$? _own=1
  [[ -s "$CONFORMANCE_ROOT/tmp/.out" ]] && printf '%s\n' "$(<"$CONFORMANCE_ROOT/tmp/.out")"
  builtin echo "rc=$rc"
  _k
  return "$rc"
}

q() {
  local _own=
  "$@" >"$CONFORMANCE_ROOT/tmp/.q" 2>&1 || {
    builtin echo "setup failed: $*"
    cat "$CONFORMANCE_ROOT/tmp/.q"
  }
  _own=1
  _ask clear-kmsg
}

_fed() {
  local _own=1 verb=$1 name=$2 table rc
  shift 2
  table=$(cat)
  printf '$ dmsetup %s %s %s <<TABLE\n%s\nTABLE\n' "$verb" "$name" "$*" "$table"
  printf '%s\n' "$table" | dmsetup "$verb" "$name" "$@" >"$CONFORMANCE_ROOT/tmp/.out" 2>&1
  rc=$?
  cat "$CONFORMANCE_ROOT/tmp/.out"
  builtin echo "rc=$rc"
  _k
  return "$rc"
}
mk() { _fed create "$@"; }
ld() { _fed load "$@"; }
rl() {
  local name=$1
  _fed load "$@" && run "dmsetup resume $name"
}

brd() { q modprobe brd rd_nr="$1" rd_size="$2"; }

nb() {
  local _own=1
  _ask null-block "$@"
  _ask clear-kmsg
}

lp() {
  local _own=1 i
  for ((i = 0; i < $1; i++)); do
    truncate -s "$2M" "$CONFORMANCE_ROOT/run/lp$i"
    losetup "/dev/loop$i" "$CONFORMANCE_ROOT/run/lp$i"
  done
  _ask clear-kmsg
}

sd() {
  local _own=1
  _ask scsi-debug "${SDN:-1}" "$@"
  _ask clear-kmsg
}

dn() { _ask number "$1"; }

names() {
  local _own=1
  _ask names "$(cat)"
}

tron() {
  local _own=1
  _ask trace-on ${*:-$EVS}
}
troff() {
  local _own=1
  _ask trace-off | grep -E "${1:-.}"
}
troff_t() {
  local _own=1
  _ask trace-off timed | grep -E "${1:-.}"
}

infl() {
  local _own=1 i
  for ((i = 0; i < 60; i++)); do
    _ask in-flight "$1" "$2" && return
    sleep 0.05
  done
}

# A value that the kernel would refuse is refused where it is written. (The copy of the descriptor keeps its place while
# the question is asked, for which bash borrows that of standard output.)
_wrote() {
  local _own=1 to_file rc
  exec {to_file}>&1
  _ask wrote "$1" "$to_file"
  rc=$?
  exec {to_file}>&-
  return "$rc"
}
echo() {
  builtin echo "$@" || return
  [[ -f /dev/stdout ]] && [[ "$_own" != 1 ]] || return 0
  _wrote echo
}
printf() {
  builtin printf "$@" || return
  [[ "$_own" != 1 ]] && [[ -f /dev/stdout ]] || return 0
  _wrote printf
}
# A node is an ordinary file here.
[() {
  local words=("$@") at
  if [[ " $* " == *" -b "* ]]; then for at in "${!words[@]}"; do [[ ${words[at]} == -b ]] && words[at]=-e; done; fi
  builtin [ "${words[@]}"
}
test() { [ "$@" ]; }
rmdir() {
  local _own=1
  case $1 in
    "$CONFORMANCE_ROOT"/sys/kernel/config/*) _ask remove-null-block "${1##*/}" ;;
    *) command rmdir "$@" ;;
  esac
}

set -T
trap _before DEBUG
_own=
