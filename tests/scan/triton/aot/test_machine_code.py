"""Counts from code as nvdisasm prints it."""

from __future__ import annotations

import pytest

from seqzoo.scan.triton.aot.machine_code import Place, count, opcodes, parse

PRINTED = """
.text.some_kernel:
	//## File "/a/kernel.py", line 3
        /*0000*/                   LDC R1, c[0x0][0x28] ;
        /*0010*/               @P0 LDG.E.128 R4, desc[UR4][R2.64] ;
        /*0020*/               @P0 BRA `(.L_x_1) ;
.L_x_0:
	//## File "/a/tiles.py", line 9
        /*0030*/                   LDG.E.U16 R4, desc[UR4][R2.64] ;
        /*0040*/                   BAR.SYNC.DEFER_BLOCKING 0x0 ;
.L_x_2:
        /*0050*/                   HGMMA.64x32x16.F32.BF16 R24, R40, gdesc[UR16].tnspB, R24 ;
	//## File "/a/tiles.py", line 8
        /*0060*/              @!P1 BRA `(.L_x_2) ;
	//## File "/a/kernel.py", line 5
        /*0070*/              @!P2 BRA `(.L_x_0) ;
.L_x_1:
        /*0080*/                   STG.E.64 desc[UR4][R2.64], R4 ;
        /*0090*/                   EXIT ;
.L_x_3:
        /*00a0*/                   BRA `(.L_x_3);
        /*00b0*/                   NOP;
"""


def trips(place: Place | None) -> float:
    return {("/a/kernel.py", 5): 4.0, ("/a/tiles.py", 8): 10.0}[place or ("", 0)]


def test_instructions_inside_loops_count_as_often_as_they_run() -> None:
    code = parse(PRINTED)
    assert len(code.instructions) == 10
    assert [loop.place for loop in code.loops] == [("/a/tiles.py", 8), ("/a/kernel.py", 5)]
    counts = count(code, trips)
    assert counts.instructions == 3 + 4 * (2 + 10 * 2 + 1) + 2
    assert counts.matrix == 40
    assert counts.barriers == 4
    assert counts.loaded == 32 * (16 + 4 * 2)
    assert counts.stored == 32 * 8


def test_the_opcodes_add_up_to_the_instructions() -> None:
    code = parse(PRINTED)
    found = dict(opcodes(code, trips))
    assert next(iter(found)) == "BRA"
    assert found["HGMMA"] == 40
    assert sum(found.values()) == count(code, trips).instructions


def test_no_code() -> None:
    with pytest.raises(ValueError, match="no instruction"):
        parse("nothing")
