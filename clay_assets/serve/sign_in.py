"""The token that clients show, and the form where a person types it.

Programs send `Authorization: Bearer ...`. A browser cannot do so for pictures, so the page's form
leaves a cookie that proves the token without holding it.
"""

import hashlib
import hmac
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from clay_assets.serve.failures import problem
from clay_assets.serve.page import STATIC_FOLDER

COOKIE = "clay_session"
FORM = STATIC_FOLDER / "sign_in.html"
_MONTH_S = 30 * 24 * 3600
_PROTECTED = ("/api/", "/metrics")


class TokenGate:
    """Middleware: data only for those who show the token; others see a form in the page's place."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Stand before `app`."""
        self.app = app
        self.token = token.encode()
        self.proof = hmac.new(self.token, b"clay-assets page", hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the app, answer 401, or show the form."""
        if scope["type"] != "http" or not self._asks(scope) or self._is_known(scope):
            await self.app(scope, receive, send)
            return
        if scope["path"] == "/":
            answer = await self._form(Request(scope, receive))
        else:
            answer = problem(
                401,
                "this server asks for a token, and got none or a wrong one",
                "Send the header `Authorization: Bearer TOKEN`, or sign in on the page.",
                {"www-authenticate": "Bearer"},
            )
        await answer(scope, receive, send)

    @staticmethod
    def _asks(scope: Scope) -> bool:
        path: str = scope["path"]
        return path == "/" or path.startswith(_PROTECTED)

    def _is_known(self, scope: Scope) -> bool:
        request = Request(scope)
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return hmac.compare_digest(shown.strip().encode(), self.token)
        cookie = request.cookies.get(COOKIE, "")
        return hmac.compare_digest(cookie.encode(), self.proof.encode())

    async def _form(self, request: Request) -> Response:
        """The form; with the right token in it, the way to the page that was asked for."""
        if request.method != "POST":
            return self._page("")
        typed = parse_qs((await request.body()).decode(errors="replace")).get("token", [""])[0]
        if not hmac.compare_digest(typed.strip().encode(), self.token):
            return self._page("That is not the token of this server.")
        query = f"?{request.url.query}" if request.url.query else "."
        answer = RedirectResponse(query, 303)
        answer.set_cookie(
            COOKIE,
            self.proof,
            max_age=_MONTH_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    @staticmethod
    def _page(failure: str) -> Response:
        text = FORM.read_text(encoding="utf-8").replace("{{failure}}", failure)
        return HTMLResponse(text, 401, {"www-authenticate": "Bearer"})
