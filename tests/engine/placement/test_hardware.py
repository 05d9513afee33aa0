"""What is read of the hardware."""

from __future__ import annotations

import pytest

from engine.placement.hardware import multiplies_bfloat16


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx2": True, "avx512_f": True, "avx512_bf16": True}, True),
        ({"avx2": True, "amx_tile": True, "amx_bf16": True}, True),
        ({"avx2": True, "amx_tile": True, "amx_bf16": False}, False),
        ({"avx2": True, "avx512_f": True, "avx512_bf16": False}, False),
        ({"avx2": True}, False),
        ({}, False),
    ],
)
def test_a_cpu_needs_instructions_of_its_own_for_bfloat16(capabilities: dict[str, bool], *, expected: bool) -> None:
    assert multiplies_bfloat16(capabilities) is expected
