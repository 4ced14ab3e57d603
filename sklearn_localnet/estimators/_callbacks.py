"""scikit-learn's callbacks where it has them (1.9 and later), and nothing in their place before."""

from collections.abc import Callable
from typing import Self, TypeVar

Method = TypeVar("Method", bound=Callable)

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:

    def _with_callbacks(method):
        return method

    # mypy sees the class of scikit-learn 1.9 as well.
    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Refuses callbacks with a word on what has them."""

        def set_callbacks(self, *callbacks: object) -> Self:
            """Raise ImportError where callbacks are given: they need scikit-learn 1.9."""
            if callbacks:
                raise ImportError("Callbacks need scikit-learn 1.9 or later.")
            return self

        def _init_callback_context(self, **_):
            return _NoTask()

    class _NoTask:
        """A task that nobody listens to."""

        def subcontext(self, **_):
            return self

        def call_on_fit_task_begin(self, **_):
            return self

        def call_on_fit_task_end(self, **_):
            return False


def with_callbacks(method: Method) -> Method:
    """scikit-learn's decorator where there is one; the type of the method stays."""
    return _with_callbacks(method)


__all__ = ["CallbackSupportMixin", "with_callbacks"]
