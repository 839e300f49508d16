"""The sensor on image folders: it registers sets and reports changes; automation embeds them."""

import json

import dagster as dg

from clay_assets.defs.images import image_events
from clay_assets.defs.partitions import image_sets
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.sensors import DEFAULT_WATCH_SECONDS, status_of
from clay_assets.images.watching import SetsLook, look_for_sets, register_sets
from clay_assets.settings import Settings
from clay_assets.store import Store


def image_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `new_images` on a folder or prefix of image sets."""
    location = settings.images
    is_wanted = settings.watch_seconds is not None and location is not None

    @dg.sensor(
        name="new_images",
        target=dg.AssetSelection.groups("images"),
        description="Looks for new, overwritten and deleted pictures below CLAY_IMAGES, a folder "
        "or prefix with one folder an image set or with the pictures of one, and reports them.",
        minimum_interval_seconds=settings.watch_seconds or DEFAULT_WATCH_SECONDS,
        default_status=status_of(wanted=is_wanted),
    )
    def new_images(
        context: dg.SensorEvaluationContext, store: StoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        if location is None:
            return dg.SkipReason(
                "CLAY_IMAGES is not set; this sensor watches a folder or s3:// prefix with one "
                "folder an image set, or with the images of one"
            )
        look = look_for_sets(location, json.loads(context.cursor or "{}"))
        context.log.info(f"{look.images} images listed, {len(look.changes)} sets changed")
        if look.strange:
            context.log.warning(
                f"folders that cannot name an image set, ignored: {', '.join(look.strange[:10])}"
            )
        return _result(store.open(), look)

    return new_images


def _result(store: Store, look: SetsLook) -> dg.SensorResult:
    """Partitions and events of the changes."""
    changes = register_sets(store, look.changes)
    names = [change.name for change in changes]
    return dg.SensorResult(
        skip_reason=None if changes else "nothing new",
        dynamic_partitions_requests=[image_sets.build_add_request(names)] if names else [],
        asset_events=[
            event
            for change in changes
            for event in image_events(
                change.name,
                change.version,
                {"location": change.location, "items": change.images},
            )
        ],
        cursor=json.dumps(look.versions),
    )
