"""What the operators refuse, with a message that says what to do."""

from __future__ import annotations

from typing import Any, NoReturn


def refuse_vmap(*_: Any) -> NoReturn:
    """A vmap rule that only says what to do instead."""
    raise NotImplementedError(
        "scans have a batch axis of their own and no vmap rule: put the mapped axis into B, "
        "(M, B, T, ...) -> (M * B, T, ...), or use backend='reference'"
    )


def refuse_elementwise_vmap(*_: Any) -> NoReturn:
    """The same for the element-wise scan."""
    raise NotImplementedError(
        "elementwise_scan has a batch axis of its own and no vmap rule: put the mapped axis into "
        "B, (M, B, T, ...) -> (M * B, T, ...), or use backend='reference'"
    )


def refuse_second_derivative(*_: Any) -> NoReturn:
    """The backward of a backward."""
    raise RuntimeError(
        "scan: this backend differentiates once, and the gradient of its gradient was asked for; "
        "use backend='reference' for higher derivatives"
    )


def refuse_elementwise_second_derivative(*_: Any) -> NoReturn:
    """The same for the element-wise scan."""
    raise RuntimeError(
        "elementwise_scan differentiates once, and the gradient of its gradient was asked for; "
        "use backend='reference' for higher derivatives"
    )


def refuse_forward_mode(*_: Any) -> NoReturn:
    """Forward-mode derivatives, of any scan."""
    raise NotImplementedError(
        "scans have no forward-mode derivative: use reverse mode (backward, torch.func.grad or vjp)"
        ", or differentiate backend='reference'"
    )


def refuse_elementwise_forward_mode(*_: Any) -> NoReturn:
    """The same for the element-wise scan."""
    raise NotImplementedError(
        "elementwise_scan has no forward-mode derivative: use reverse mode (backward, "
        "torch.func.grad or vjp), or differentiate backend='reference'"
    )
