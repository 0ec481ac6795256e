"""The backend of the exact chunked form: parallel inside chunks, one matrix step between them.

It is exact: the chunk size changes nothing beyond rounding.
"""

from __future__ import annotations

from seqzoo.scan.chunked.operator import chunked_scan
from seqzoo.scan.chunked.rows import ScanOptions, scan_tensors
from seqzoo.scan.chunked.transposed import scan_transposed
from seqzoo.scan.plain import last_of_each_token, plain_problem
from seqzoo.scan.problem import ScanProblem
from seqzoo.scan.recurrence import ScanResult
from seqzoo.scan.token import step_token


class ChunkedBackend:
    """The chunked form in torch operations, on any device.

    Differentiable once; for higher derivatives ask for the reference.
    """

    name = "chunked"

    def supports(self, problem: ScanProblem) -> str | None:
        """None: every problem is supported."""
        return None

    def scan(self, problem: ScanProblem) -> ScanResult:
        """Scans in chunks; linear in T in time and memory."""
        queries = problem.queries
        if queries.shape[0] == 0 or queries.shape[1] == 0:
            return ScanResult(problem.no_outputs(), problem.untouched_state())
        if problem.transposed_read:
            outputs, final = scan_transposed(plain_problem(problem), self.scan)
            return ScanResult(last_of_each_token(outputs, problem.writes.steps), final)
        erase = problem.transition.erase
        before_decay = erase is not None and erase.before_decay
        along_key = erase is not None and erase.along_key
        options = ScanOptions(
            problem.cu_seqlens, before_decay, problem.scale, problem.chunk_size, along_key
        )
        state = None if problem.state is None else problem.initial_state()
        outputs, final = chunked_scan(scan_tensors(problem), state, options)
        return ScanResult(outputs.to(queries.dtype), final)

    def step(self, problem: ScanProblem) -> ScanResult:
        """One token."""
        return step_token(problem)
