"""What the hall asks of a courier, as checks that any adapter and any endpoint of the open contract can be put to.

``kit`` says what a check is and runs them, ``checks`` and ``contract`` are the checks, ``rigs`` what they stand on.
``python -m tests.conformance --help`` puts an endpoint to them from outside; see ``docs/adding-a-courier.md``.
"""

from tests.conformance import checks, contract
from tests.conformance.kit import CHECKS

__all__ = ["CHECKS", "checks", "contract"]
