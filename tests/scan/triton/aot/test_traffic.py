from __future__ import annotations

from seqzoo.scan.triton.aot.traffic import reads_and_writes

TEXT = """
module {
  tt.func public @k(%a: !tt.ptr<bf16> loc("a"), %b: !tt.ptr<f32>, %c: !tt.ptr<f32>, %n: i32) {
    %0 = arith.muli %n, %n : i32
    %1 = tt.addptr %a, %0 : !tt.ptr<bf16>, i32
    %p = tt.splat %1 : !tt.ptr<bf16> -> tensor<64x!tt.ptr<bf16>>
    %q = tt.broadcast %p : tensor<64x!tt.ptr<bf16>> -> tensor<64x32x!tt.ptr<bf16>>
    %x = tt.load %q, %m, %z : tensor<64x32x!tt.ptr<bf16>>
    %r = tt.addptr %b, %n : !tt.ptr<f32>, i32
    tt.store %r, %x : !tt.ptr<f32>
    %y = tt.load %r : !tt.ptr<f32>
    tt.return
  }
}
"""


def test_a_pointer_is_followed_to_the_parameter_it_came_from():
    assert reads_and_writes(TEXT) == ({"a", "b"}, {"b"})
