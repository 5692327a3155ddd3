"""How threads share calls of kernels among themselves, and wait for each other, without Python.

To be woken takes a thread longer than a small layer, and to pass the GIL on as long. So threads look for work
for a while before they sleep, and who has work does not ask for the GIL until all of it is done.
See `fast_impl.runtime.workers` for what they are told.
"""

from __future__ import annotations

import sys

from fast_impl.kernels.x86.abi import ARGUMENT, field
from fast_impl.kernels.x86.assembly.assembler import Assembler, Condition, Label
from fast_impl.kernels.x86.assembly.registers import (
    R8,
    R12,
    R13,
    R14,
    RAX,
    RBP,
    RBX,
    RCX,
    RDX,
    At,
    Gpr,
)
from fast_impl.runtime import executable
from fast_impl.runtime.workers import Look, Round, Team, TeamKernels, Waiting

# What a thread holds while it calls kernels, which leave these registers as they are: its round, the calls of a
# task that are left, their end, the team, and what it was told to look for. They are an odd number, so that
# the stack is as aligned as functions expect it.
_ROUND, _CALL, _END, _TEAM, _LOOK = RBX, RBP, R12, R13, R14
_SAVED = (RBX, RBP, R12, R13, R14)
# Looks of one who waits for the others until it lets the system run something else, and how Linux is asked to.
_LOOKS, _YIELD = 2000, 24


def kernels() -> TeamKernels:
    """The kernels, ready to be called."""
    return TeamKernels(*map(executable.load, (generate_lead(), generate_look(), generate_wait())))


def generate_lead() -> bytes:
    """Machine code that does a round's tasks, with the team if there is one; it returns when all are done."""
    asm = Assembler()
    alone, done, wait, look = (Label() for _ in range(4))
    for saved in _SAVED:
        asm.push(saved)
    asm.move(_ROUND, ARGUMENT)
    asm.load(_TEAM, At(_ROUND, Round.TEAM))
    asm.move_number(RAX, 0)
    asm.store(At(_ROUND, Round.NEXT), RAX)
    asm.test(_TEAM)
    asm.jump(alone, Condition.ZERO)
    # Who sees the new number sees the open round; who comes in earlier or later finds it closed.
    asm.move(RAX, _ROUND)
    asm.exchange(At(_TEAM, Team.OPEN), RAX)
    _count(asm, At(_TEAM, Team.ROUNDS), 1)
    asm.place(alone)
    _drain(asm)
    asm.test(_TEAM)
    asm.jump(done, Condition.ZERO)
    asm.move_number(RAX, 0)
    asm.exchange(At(_TEAM, Team.OPEN), RAX)
    asm.place(wait)
    asm.move_number(RDX, _LOOKS)
    asm.place(look)
    asm.load(RAX, At(_TEAM, Team.BUSY))
    asm.test(RAX)
    asm.jump(done, Condition.ZERO)
    asm.pause()
    asm.subtract_number(RDX, 1)
    asm.jump(look, Condition.NOT_ZERO)
    if sys.platform == "linux":
        asm.move_number(RAX, _YIELD)
        asm.system_call()
    asm.jump(wait)
    asm.place(done)
    for saved in reversed(_SAVED):
        asm.pop(saved)
    asm.ret()
    return asm.code()


def generate_look() -> bytes:
    """Machine code that looks for rounds and does tasks of them, until there is something else to do."""
    asm = Assembler()
    begin, look, enter, leave, undo = (Label() for _ in range(5))
    for saved in _SAVED:
        asm.push(saved)
    asm.move(_LOOK, ARGUMENT)
    asm.load(_TEAM, At(_LOOK, Look.TEAM))
    _count(asm, At(_TEAM, Team.LOOKING), 1)
    asm.place(begin)
    asm.load(RDX, At(_LOOK, Look.TURNS))
    asm.place(look)
    asm.load(RAX, At(_TEAM, Team.ROUNDS))
    asm.compare(RAX, At(_LOOK, Look.SEEN))
    asm.jump(enter, Condition.NOT_ZERO)
    asm.load(RAX, At(_TEAM, Team.JOBS))
    asm.compare(RAX, At(_LOOK, Look.JOBS))
    asm.jump(leave, Condition.NOT_ZERO)
    asm.pause()
    asm.subtract_number(RDX, 1)
    asm.jump(look, Condition.NOT_ZERO)
    asm.place(leave)
    _count(asm, At(_TEAM, Team.LOOKING), -1)
    for saved in reversed(_SAVED):
        asm.pop(saved)
    asm.ret()

    asm.place(enter)
    asm.store(At(_LOOK, Look.SEEN), RAX)
    # Before the round is read: who leads closes it first, and then waits until nobody is busy.
    _count(asm, At(_TEAM, Team.BUSY), 1)
    asm.load(_ROUND, At(_TEAM, Team.OPEN))
    asm.test(_ROUND)
    asm.jump(undo, Condition.ZERO)
    asm.move_number(RAX, -1)
    asm.exchange_add(At(_ROUND, Round.SEATS), RAX)
    asm.subtract_number(RAX, 1)
    asm.jump(undo, Condition.LESS)
    _drain(asm)
    asm.place(undo)
    _count(asm, At(_TEAM, Team.BUSY), -1)
    asm.jump(begin)
    return asm.code()


def generate_wait() -> bytes:
    """Machine code that reads a word until it is another one, or so many times."""
    asm = Assembler()
    again, done = Label(), Label()
    asm.load(RAX, field(Waiting.WORD))
    asm.load(RCX, field(Waiting.LESS))
    asm.load(RDX, field(Waiting.TURNS))
    asm.place(again)
    asm.load(R8, At(RAX))
    asm.add(R8, RCX)
    asm.jump(done, Condition.NOT_ZERO)
    asm.pause()
    asm.subtract_number(RDX, 1)
    asm.jump(again, Condition.NOT_ZERO)
    asm.place(done)
    asm.ret()
    return asm.code()


def _count(asm: Assembler, word: At, number: int, spare: Gpr = RAX) -> None:
    """Add to a word that several threads count in."""
    asm.move_number(spare, number)
    asm.exchange_add(word, spare)


def _drain(asm: Assembler) -> None:
    """Take the round's next task, do its calls, and so on until there is none."""
    task, call, empty = Label(), Label(), Label()
    asm.place(task)
    asm.move_number(RAX, 1)
    asm.exchange_add(At(_ROUND, Round.NEXT), RAX)
    asm.compare(RAX, At(_ROUND, Round.COUNT))
    asm.jump(empty, Condition.NOT_LESS)
    # The place of its first call, and of that behind its last: words that are neighbours.
    for _ in range(3):
        asm.add_two(RAX, RAX, RAX)
    asm.add(RAX, At(_ROUND, Round.STARTS))
    asm.load(_CALL, At(RAX))
    asm.load(_END, At(RAX, 8))
    asm.place(call)
    asm.compare(_CALL, _END)
    asm.jump(task, Condition.NOT_LESS)
    asm.load(ARGUMENT, At(_CALL, 8))
    asm.add(ARGUMENT, At(_ROUND, Round.BASE))
    asm.call(At(_CALL))
    asm.add_number(_CALL, 16)
    asm.jump(call)
    asm.place(empty)
