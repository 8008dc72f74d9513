"""The threads of this process that generated code shares its loops among: made of LLVM IR, as handing work to Python's
threads takes longer than most loops run.

A *team* is what native code is told of it: the address of two words, the address of ``share`` and a number of threads.
No address means one thread. A loop's turns are cut into *parts*, which the caller and the workers take one after the
other. A job is one word, ``{number of the job, parts left}``: to take a part is to count it down by an exchange that
fails if the word has changed, so a worker that comes late finds no part of a job that is over. The pool does one job at
a time; who finds it busy works alone, with the same results, as turns are independent.

A worker that finds nothing to do looks out for a while, then sleeps (futex). So does the caller that waits for the last
parts: its processor is then free for a worker that another process has put off amid a part, or for one that was woken
on this very processor. Who looks out for long takes time from the others where there are more threads than processors.

Linux on x86-64 and AArch64 only; elsewhere there are no teams.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

from irc.backend.forks import lock
from irc.backend.machine_code import MachineCode, object_code
from irc.backend.target import Target, host

GRAIN = 1 << 14
"""The least work of a part, in the units of the pass ``parallelize``: some microseconds."""
PARTS = 8
"""Parts for each thread, where there is work enough: others make up for a thread that is held up."""
SPIN = 2_000
"""How often a worker looks for another job before it sleeps: some 50 µs. Longer would keep processors from others."""
PATIENCE = 1_000
"""How often the caller looks whether all parts are done before it sleeps: some 25 µs."""
MOST = 1024
"""Threads of a team at most: a job has 16 bits for its parts, of which there are fewer than ``2 * PARTS`` for each."""

_LOCK = lock()
_PROCESSORS = {
    "x86_64": {
        "FUTEX": "202",
        "DECLARE": """
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)""",
        "PAUSE": "call void @llvm.x86.sse2.pause()",
        "SAVE_MODE": "call void @llvm.x86.sse.stmxcsr(ptr @mode)",
        "LOAD_MODE": "call void @llvm.x86.sse.ldmxcsr(ptr @mode)",
    },
    "aarch64": {
        "FUTEX": "98",
        "DECLARE": """
declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)""",
        "PAUSE": "call void @llvm.aarch64.hint(i32 1)",
        "SAVE_MODE": "%fpcr = call i64 @llvm.aarch64.get.fpcr()\n  store i64 %fpcr, ptr @mode",
        "LOAD_MODE": "%fpcr = load i64, ptr @mode\n  call void @llvm.aarch64.set.fpcr(i64 %fpcr)",
    },
}
"""What differs. The mode is how floats are rounded and whether tiny ones are flushed: workers take that of the caller.
"""

_TEXT = """
@job = internal global i64 0, align 64
@done = internal global i32 0, align 64
@waiting = internal global i32 0, align 64
@announced = internal global i32 0, align 64
@asleep = internal global i32 0, align 64
@busy = internal global i32 0, align 64
@workers = internal global i64 0
@function = internal global ptr null
@context = internal global ptr null
@threads = internal global i64 0
@mode = internal global i64 0
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i64 @syscall(i64, ...)
DECLARE

; Take parts until none is left. What a job consists of is read before a part is taken, and holds if the word is the
; same then: it is not written while parts are left.
define internal void @help(i64 %number) {
entry:
  br label %look
look:
  %word = load atomic i64, ptr @job acquire, align 8
  %left = and i64 %word, 65535
  %none = icmp eq i64 %left, 0
  br i1 %none, label %out, label %read
read:
  %f = load atomic ptr, ptr @function monotonic, align 8
  %c = load atomic ptr, ptr @context monotonic, align 8
  %t = load atomic i64, ptr @threads monotonic, align 8
  %seat = icmp ult i64 %number, %t
  br i1 %seat, label %take, label %out
take:
  %fewer = sub i64 %word, 1
  %taken = cmpxchg ptr @job, i64 %word, i64 %fewer acq_rel acquire
  %mine = extractvalue { i64, i1 } %taken, 1
  br i1 %mine, label %work, label %look
work:
  LOAD_MODE
  %part = sub i64 %left, 1
  call void %f(ptr %c, i64 %part)
  %before = atomicrmw add ptr @done, i32 1 seq_cst
  %sleeps = load atomic i32, ptr @waiting seq_cst, align 4
  %calls = icmp ne i32 %sleeps, 0
  br i1 %calls, label %wake, label %look
wake:
  %r = call i64 (i64, ...) @syscall(i64 FUTEX, ptr @done, i32 129, i32 1)
  br label %look
out:
  ret void
}

define internal ptr @worker(ptr %argument) {
entry:
  %number = ptrtoint ptr %argument to i64
  br label %wait
wait:
  %seen = load atomic i32, ptr @announced acquire, align 4
  call void @help(i64 %number)
  br label %spin
spin:
  %n = phi i32 [ 0, %wait ], [ %n1, %again ]
  %now = load atomic i32, ptr @announced acquire, align 4
  %new = icmp ne i32 %now, %seen
  br i1 %new, label %wait, label %again
again:
  PAUSE
  %n1 = add i32 %n, 1
  %long = icmp ugt i32 %n1, SPIN
  br i1 %long, label %sleep, label %spin
sleep:
  %s0 = atomicrmw add ptr @asleep, i32 1 seq_cst
  %r = call i64 (i64, ...) @syscall(i64 FUTEX, ptr @announced, i32 128, i32 %seen, ptr null)
  %s1 = atomicrmw sub ptr @asleep, i32 1 seq_cst
  br label %wait
}

; Start the workers that are missing. They take no signals: those are for Python's threads.
define internal void @hire(i64 %threads) {
entry:
  %all = alloca [128 x i8], align 16
  %old = alloca [128 x i8], align 16
  %handle = alloca i64
  %have = load i64, ptr @workers
  %r0 = call i32 @sigfillset(ptr %all)
  %r1 = call i32 @pthread_sigmask(i32 2, ptr %all, ptr %old)
  br label %next
next:
  %i = phi i64 [ %have, %entry ], [ %number, %started ]
  %number = add i64 %i, 1
  %more = icmp ult i64 %number, %threads
  br i1 %more, label %start, label %end
start:
  %argument = inttoptr i64 %number to ptr
  %failed = call i32 @pthread_create(ptr %handle, ptr null, ptr @worker, ptr %argument)
  %fine = icmp eq i32 %failed, 0
  br i1 %fine, label %started, label %end
started:
  %h = load i64, ptr %handle
  %r2 = call i32 @pthread_detach(i64 %h)
  store i64 %number, ptr @workers
  br label %next
end:
  %r3 = call i32 @pthread_sigmask(i32 2, ptr %old, ptr null)
  ret void
}

; Run function(context, part) for all parts of a loop. The context begins with three words, which say what the parts
; are: the turns of the loop, in how many pieces they are cut, and in how many chunks those of the loop inside are.
define void @share(ptr %team, ptr %function, ptr %context, i64 %turns, i64 %work, i1 %nested) {
entry:
  %threads.at = getelementptr i64, ptr %team, i64 1
  %threads = load i64, ptr %threads.at
  %most = mul i64 %threads, PARTS
  %some = icmp sgt i64 %work, 0
  %worth = select i1 %some, i64 %work, i64 0
  %grains = udiv i64 %worth, GRAIN
  %few = icmp ult i64 %grains, %most
  %wanted = select i1 %few, i64 %grains, i64 %most
  %short = icmp ult i64 %turns, %wanted
  %pieces.0 = select i1 %short, i64 %turns, i64 %wanted
  %no = icmp eq i64 %pieces.0, 0
  %pieces = select i1 %no, i64 1, i64 %pieces.0
  %sum = add i64 %wanted, %pieces
  %sum.less = sub i64 %sum, 1
  %each = udiv i64 %sum.less, %pieces
  %none = icmp eq i64 %each, 0
  %flat = xor i1 %nested, true
  %simple = or i1 %none, %flat
  %inside = select i1 %simple, i64 1, i64 %each
  %pieces.at = getelementptr i64, ptr %context, i64 1
  %inside.at = getelementptr i64, ptr %context, i64 2
  store i64 %turns, ptr %context
  %parts = mul i64 %pieces, %inside
  %several = icmp ugt i64 %parts, 1
  br i1 %several, label %try, label %alone
try:
  %got = cmpxchg ptr @busy, i32 0, i32 1 acq_rel monotonic
  %free = extractvalue { i32, i1 } %got, 1
  br i1 %free, label %staff, label %alone
alone:
  store i64 1, ptr %pieces.at
  store i64 1, ptr %inside.at
  call void %function(ptr %context, i64 0)
  ret void
staff:
  store i64 %pieces, ptr %pieces.at
  store i64 %inside, ptr %inside.at
  %have = load i64, ptr @workers
  %with.me = add i64 %have, 1
  %missing = icmp ult i64 %with.me, %threads
  br i1 %missing, label %hiring, label %announce
hiring:
  call void @hire(i64 %threads)
  br label %announce
announce:
  SAVE_MODE
  store atomic ptr %function, ptr @function monotonic, align 8
  store atomic ptr %context, ptr @context monotonic, align 8
  store atomic i64 %threads, ptr @threads monotonic, align 8
  store atomic i32 0, ptr @done monotonic, align 4
  %last = load atomic i64, ptr @job monotonic, align 8
  %number = add i64 %last, 65536
  %job = or i64 %number, %parts
  store atomic i64 %job, ptr @job release, align 8
  %a = atomicrmw add ptr @announced, i32 1 seq_cst
  %sleepers = load atomic i32, ptr @asleep seq_cst, align 4
  %wake = icmp ne i32 %sleepers, 0
  br i1 %wake, label %waking, label %own
waking:
  %r = call i64 (i64, ...) @syscall(i64 FUTEX, ptr @announced, i32 129, i32 2147483647)
  br label %own
own:
  call void @help(i64 0)
  %all = trunc i64 %parts to i32
  br label %join
join:
  %q = phi i32 [ 0, %own ], [ %q1, %pause ]
  %d = load atomic i32, ptr @done acquire, align 4
  %finished = icmp eq i32 %d, %all
  br i1 %finished, label %over, label %pause
pause:
  PAUSE
  %q1 = add i32 %q, 1
  %tired = icmp ugt i32 %q1, PATIENCE
  br i1 %tired, label %sleep, label %join
sleep:
  store atomic i32 1, ptr @waiting seq_cst, align 4
  br label %see
see:
  %e = load atomic i32, ptr @done seq_cst, align 4
  %complete = icmp eq i32 %e, %all
  br i1 %complete, label %awake, label %doze
doze:
  %s = call i64 (i64, ...) @syscall(i64 FUTEX, ptr @done, i32 128, i32 %e, ptr null)
  br label %see
awake:
  store atomic i32 0, ptr @waiting monotonic, align 4
  br label %over
over:
  store atomic i32 0, ptr @busy release, align 4
  ret void
}

; In a child made by fork: none of the parent's workers is there, nor does its job go on.
define void @forget() {
entry:
  %last = load atomic i64, ptr @job monotonic, align 8
  %over = and i64 %last, -65536
  store atomic i64 %over, ptr @job monotonic, align 8
  store i64 0, ptr @workers
  store atomic i32 0, ptr @asleep monotonic, align 4
  store atomic i32 0, ptr @waiting monotonic, align 4
  store atomic i32 0, ptr @busy release, align 4
  ret void
}
"""


def pool_text(target: Target) -> str | None:
    """The pool as LLVM IR; None for systems that it is not made for."""
    processor, _, system = target.triple.partition("-")
    found = _PROCESSORS.get(processor)
    if found is None or "linux" not in system:
        return None
    numbers = {"GRAIN": GRAIN, "PARTS": PARTS, "SPIN": SPIN, "PATIENCE": PATIENCE}
    text = _TEXT
    for word, value in {**found, **numbers}.items():
        text = text.replace(word, str(value))
    return text


@cache
def team_address(threads: int) -> int:
    """The team of up to so many threads, no more than there are processors for this process; 0 for one thread."""
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    count = min(threads, most, MOST)
    if count == 1:
        return 0
    with _LOCK:
        record = _record(count)
    return 0 if record is None else ctypes.addressof(record)


@cache
def _record(threads: int) -> ctypes.Array | None:
    """The two words of a team, which stay; None where there is no pool. Under the lock: so there is but one pool."""
    pool = _pool()
    return None if pool is None else (ctypes.c_int64 * 2)(pool.address("share"), threads)


@cache
def _pool() -> MachineCode | None:
    """The pool, compiled at the first call and never unloaded: workers run it until the process ends."""
    text = pool_text(host()) if sys.platform == "linux" else None
    if text is None:
        return None
    code = MachineCode(host(), object_code(text, host(), {}), ("share", "forget"))
    os.register_at_fork(after_in_child=ctypes.PYFUNCTYPE(None)(code.address("forget")))
    return code
