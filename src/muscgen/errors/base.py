"""What every error knows of itself."""

from __future__ import annotations

from typing import ClassVar


class MuscgenError(Exception):
    """Base of the tree. `param` names the field at fault in wire names, `suggestion` says what would work."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str,
        *,
        param: str | None = None,
        suggestion: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param
        self.suggestion = suggestion
        self.retry_after_s = retry_after_s

    def to_dict(self) -> dict[str, str | bool | None]:
        """The error as it is stored in a job and shown to clients."""
        return {
            "code": self.code,
            "detail": self.detail,
            "param": self.param,
            "suggestion": self.suggestion,
            "retryable": self.retryable,
        }
