"""`python -m clay_assets.cli`, the same as `clay-assets`."""

from clay_assets.cli.app import app

app(prog_name="clay-assets")
