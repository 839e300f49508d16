import json

import geopandas
import pytest
import shapely

from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.ingest.aoi import read_area, tiles_of_area

SQUARE = shapely.box(-11.6, 24.7, -11.4, 24.9)
TILE = "29RKH"


def geojson(kind):
    geometry = shapely.geometry.mapping(SQUARE)
    feature = {"type": "Feature", "properties": None, "geometry": geometry}
    return {
        "geometry": geometry,
        "feature": feature,
        "collection": {"type": "FeatureCollection", "features": [feature, feature]},
        "geometries": {"type": "GeometryCollection", "geometries": [geometry]},
    }[kind]


@pytest.mark.parametrize("kind", ["geometry", "feature", "collection", "geometries"])
def test_geojson_of_every_kind_is_read(tmp_path, kind):
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps(geojson(kind)))
    assert read_area(str(path)).equals(SQUARE)


@pytest.mark.parametrize("name", ["area.gpkg", "area.fgb", "area.shp", "area.parquet", "old.json"])
def test_vector_files_are_brought_to_degrees(tmp_path, name):
    frame = geopandas.GeoDataFrame(geometry=[SQUARE], crs="OGC:CRS84").to_crs(32629)
    path = tmp_path / name
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    else:
        frame.to_file(path, driver="GeoJSON" if name.endswith(".json") else None)
    area = read_area(str(path))
    assert area.bounds == pytest.approx(SQUARE.bounds, abs=1e-6)  # degrees
    assert tiles_of_area(area) == [TILE]


def test_a_box_is_read():
    assert read_area("-11.6,24.7, -11.4,24.9").equals(SQUARE)


def test_a_box_may_cross_the_antimeridian():
    area = read_area("178,-17.1,-179.9,-17")
    assert {tile[:2] for tile in tiles_of_area(area)} == {"01", "60"}


def test_places_of_a_table_are_points(tmp_path):
    path = tmp_path / "places.csv"
    path.write_text("name,Longitude,Latitude\nBergen,5.320675,60.38952\nDesert,-11.5,24.8\n")
    assert tiles_of_area(read_area(str(path))) == [TILE, "32VKN"]


def test_areas_that_overlap_are_joined(tmp_path):
    path = tmp_path / "two.gpkg"
    shapes = [SQUARE, shapely.box(-11.5, 24.8, -11.3, 25), None]
    geopandas.GeoDataFrame(geometry=shapes, crs=4326).to_file(path)
    assert read_area(str(path)).geom_type == "Polygon"


class TestRefusals:
    """Each names the file or text, what was found and what is read."""

    @pytest.mark.parametrize("text", ["nowhere.geojson", "1,2,3", "Bergen", "a,b,c,d"])
    def test_what_is_no_file_and_no_box(self, text):
        with pytest.raises(NotFoundError, match=f"{text} is no file and no box; expected west,"):
            read_area(text)

    @pytest.mark.parametrize(
        "text", ["5,61,6,60", "5,60,5,61", "5,60,190,61", "5,-91,6,0", "nan,0,1,1"]
    )
    def test_a_box_that_makes_no_sense(self, text):
        with pytest.raises(InvalidValueError, match=f"a box must .*, got {text}"):
            read_area(text)

    @pytest.mark.parametrize(
        "content", ["[1]", "{", '{"type": "Topology"}', '{"type": "Feature"}', '{"type": "Point"}']
    )
    def test_json_that_is_not_geojson(self, tmp_path, content):
        path = tmp_path / "area.json"
        path.write_text(content)
        with pytest.raises(InvalidValueError, match=r"area\.json is not GeoJSON \("):
            read_area(str(path))

    def test_an_empty_file(self, tmp_path):
        path = tmp_path / "area.geojson"
        path.write_text('{"type": "FeatureCollection", "features": []}')
        with pytest.raises(InvalidValueError, match=r"area\.geojson holds no geometry; expected"):
            read_area(str(path))

    def test_an_outline_that_crosses_itself(self, tmp_path):
        path = tmp_path / "area.geojson"
        bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
        path.write_text(json.dumps(shapely.geometry.mapping(bow)))
        with pytest.raises(InvalidValueError, match=r"not valid: Self-intersection\[0\.5 0\.5\]"):
            tiles_of_area(read_area(str(path)))

    def test_a_file_that_is_not_a_map(self, tmp_path):
        path = tmp_path / "area.gpkg"
        path.write_text("no map")
        with pytest.raises(InvalidValueError, match=r"area\.gpkg cannot be read: .*; expected"):
            read_area(str(path))

    def test_a_file_without_a_crs(self, tmp_path):
        path = tmp_path / "area.fgb"
        with pytest.warns(UserWarning, match="crs"):
            geopandas.GeoDataFrame(geometry=[SQUARE]).to_file(path)
        with pytest.raises(InvalidValueError, match=r"area\.fgb does not say its CRS; set it"):
            read_area(str(path))

    def test_a_table_without_places(self, tmp_path):
        path = tmp_path / "places.csv"
        path.write_text("name,east\nBergen,5\n")
        with pytest.raises(InvalidValueError, match=r"columns name, east; places need lon and lat"):
            read_area(str(path))

    def test_a_place_that_is_no_number(self, tmp_path):
        path = tmp_path / "places.csv"
        path.write_text("lon,lat\n5,60\n5,north\n")
        with pytest.raises(InvalidValueError, match=r"line 3: .* got '5' and 'north'"):
            read_area(str(path))
