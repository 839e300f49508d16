"""How much a client may send, and how often it may ask."""

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clay_assets.serve.failures import STEPS, problem

PICTURES_PER_QUESTION = 20
"""A gallery shows so many; they are small and mostly found in memory."""
MEGABYTE = 1_000_000


class BodyLimit:
    """Middleware: a body that is too large is refused before it is read."""

    def __init__(self, app: ASGIApp, max_megabytes: int) -> None:
        """Stand before `app`."""
        self.app = app
        self.max_megabytes = max_megabytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the app, or answer 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = self.max_megabytes * MEGABYTE
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdigit() and int(declared) > most:
            close = {"connection": "close"}
            refusal = problem(413, self._words(int(declared)), STEPS[413], close)
            await refusal(scope, receive, send)
            return
        received = 0

        async def receive_counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:  # sent in chunks, which declare no length
                raise HTTPException(413, self._words(received), {"connection": "close"})
            return message

        await self.app(scope, receive_counted, send)

    def _words(self, size: int) -> str:
        return (
            f"a request may have at most {self.max_megabytes} MB, "
            f"got {size / MEGABYTE:.1f} MB or more"
        )


class RateLimit:
    """Middleware: so many questions a minute and client; a picture is a small part of one."""

    def __init__(self, app: ASGIApp, questions: int) -> None:
        """Stand before `app`."""
        self.app = app
        self.questions = questions
        self._limit = RateLimitItemPerMinute(questions * PICTURES_PER_QUESTION)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the app, or answer 429."""
        if scope["type"] != "http" or not is_counted(scope):
            await self.app(scope, receive, send)
            return
        client = scope["client"][0] if scope.get("client") else "unknown"
        cost = 1 if scope["path"].endswith(".png") else PICTURES_PER_QUESTION
        if self._limiter.hit(self._limit, client, cost=cost):
            await self.app(scope, receive, send)
            return
        refusal = problem(
            429,
            f"at most {self.questions} questions a minute are answered to {client}, got more",
            "Wait some seconds and ask again, or set CLAY_API_RATE on the server to more.",
            {"retry-after": str(max(1, round(60 / self.questions)))},  # the window slides evenly
        )
        await refusal(scope, receive, send)


def is_counted(scope: Scope) -> bool:
    """Whether a request asks for data, or tries a token; the page's own files are free."""
    path: str = scope["path"]
    return path.startswith("/api/") or scope["method"] == "POST"
