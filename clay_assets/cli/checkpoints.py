"""`clay-assets checkpoint`: import, export, list, and what is known about published models."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from clay_assets.cli.model_cards import card_table, dimensions_table, models_table
from clay_assets.cli.terminal import HomeOption, clear_errors, console, settings_of

checkpoint_app = typer.Typer(
    help="Import, export and list checkpoints, and the models they may be of.",
    no_args_is_help=True,
)


def parse_heads(text: str | None) -> list[int] | None:
    """`12,8` as [12, 8], and `12`, of a network without a decoder, as [12, 12]."""
    if text is None:
        return None
    try:
        heads = [int(part) for part in text.split(",")]
    except ValueError:
        heads = []
    if len(heads) not in (1, 2) or min(heads) < 1:
        raise typer.BadParameter(
            "must be one number from 1 on, or two, of encoder and decoder, like 12,8, "
            f"got {text!r}",
            param_hint="--heads",
        )
    return [heads[0], heads[-1]]


@checkpoint_app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="Path, s3:// or https:// URL.")],
    name: Annotated[str, typer.Option(help="Name that products use.")] = "default",
    heads: Annotated[
        str | None,
        typer.Option(
            metavar="ENC[,DEC]",
            help="Attention heads of encoder and decoder, for a size that was never released.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="What the file does not say: float16_encodings (Clay v0.0.1) or normalize "
            "(VectorGeo since autumn 2023)."
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Import a checkpoint of any known family through the graph, so that its run is on record."""
    of_heads = parse_heads(heads)
    with clear_errors():
        from clay_assets.checkpoints import find_checkpoint
        from clay_assets.definitions import build_defs
        from clay_assets.defs.instance import open_instance
        from clay_assets.defs.partitions import add_checkpoint
        from clay_assets.defs.runs import run_job

        settings = settings_of(home)
        config = {"source": source, "heads": of_heads, "options": option or []}
        with open_instance() as instance:
            add_checkpoint(instance, name)
            run_job(
                build_defs(settings),
                instance,
                "import_checkpoint",
                partition=name,
                config={"checkpoints": config},
            )
        console.print(_summary(name, find_checkpoint(settings.store, name).card))


@checkpoint_app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="Name or id.")],
    path: Annotated[
        Path,
        typer.Argument(
            help="File to write: .ckpt as Lightning has it, or .pth, .pt or .safetensors with the "
            "bare network's tensors.",
            dir_okay=False,
        ),
    ],
    home: HomeOption = None,
) -> None:
    """Write a checkpoint that the code of its authors loads."""
    with clear_errors():
        from clay_assets.checkpoints import export_checkpoint

        note = export_checkpoint(settings_of(home).store, name, path)
        console.print(f"Wrote {path}.")
        if note is not None:
            console.print(f"Note: {note}.")


@checkpoint_app.command("list")
def list_(home: HomeOption = None) -> None:
    """List the checkpoints of the data root."""
    with clear_errors():
        from clay_assets.checkpoints import list_checkpoints

        table = Table("name", "id", "family", "size", "parameters", "from")
        for found in list_checkpoints(settings_of(home).store):
            card = found.card
            table.add_row(
                found.name,
                found.id,
                card["family"],
                card["size"] or "its own",
                f"{card['parameters']:,}",
                card["card"]["source"],
            )
        console.print(table)


@checkpoint_app.command("show")
def show(name: Annotated[str, typer.Argument(help="Name or id.")], home: HomeOption = None) -> None:
    """Show all that is known about one checkpoint of the data root."""
    with clear_errors():
        from clay_assets.checkpoints import find_checkpoint

        found = find_checkpoint(settings_of(home).store, name)
        table = Table(show_header=False)
        for key, value in _flat(found.card):
            table.add_row(key, value)
        console.print(table)


@checkpoint_app.command("models")
def models(
    name: Annotated[str | None, typer.Argument(help="Model to show the card of.")] = None,
) -> None:
    """List the published models that are known, or show the whole card of one."""
    with clear_errors():
        from clay_assets.models import card_named

        if name is None:
            console.print(models_table())
        else:
            card = card_named(name)
            console.print(card_table(card))
            console.print(dimensions_table(card))


def _summary(name: str, card: dict[str, Any]) -> str:
    """What an import came to, in one or two sentences."""
    from clay_assets.models import family_named

    title = f"{family_named(card['family']).title} {card['size'] or ''}".rstrip()
    text = f"Checkpoint {name!r} is {card['id']}: {title}, {card['parameters']:,} parameters."
    if (model := card["card"].get("model")) is not None:
        text += f"\nIts sizes are those of {model['title']}; licence: {model['licence']}."
    return text


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Rows of nested values: `config.encoder.dim` and `768`."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            rows += _flat(value, f"{prefix}{key}.")
        elif value not in (None, {}, []):
            text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
            rows.append((f"{prefix}{key}".removeprefix("card."), text))
    return rows
