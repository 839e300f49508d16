"""The HTTP API and the search page."""

from clay_assets.serve.app import create_app
from clay_assets.serve.server import check_port, run_server

__all__ = ["check_port", "create_app", "run_server"]
