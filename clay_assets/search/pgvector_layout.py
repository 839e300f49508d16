"""Where the pgvector index keeps what, and what its tables are called.

`clay_assets.products`, `.tiles` and `.graphs` say what is there. The rows of a product are in four
tables, so that each question reads only what it needs:

- `clay_rows.<product>`, narrow: what is filtered, and the sketches;
- `clay_details.<product>`: what is told of hits;
- `clay_halves.<product>`: vectors of half precision, in line, for HNSW graphs;
- `clay_vectors.<product>`: the vectors, float32, so that scores are those of every other engine.

Every tile is loaded under a new number, its load. A row's number is `load << 32`, plus its place
in the file: a tile is a range of numbers in all four tables, and so is what a graph covers.
"""

LOAD_BITS = 32
"""A row's number is its tile's load, shifted by so many bits, plus its place in the file."""
MAX_WIDTH = 16_000
"""Most numbers in a vector of pgvector."""
MAX_HALF_WIDTH = 4_000
"""Most numbers in a vector of half precision that fits a page, and that HNSW takes."""
SCHEMAS = ("clay_assets", "clay_rows", "clay_details", "clay_halves", "clay_vectors")
"""Everything of ours; made again when the code wants other tables."""
OLD_SCHEMAS = ("clay_chips",)
"""Of former versions; dropped when the tables are made again."""
BOOKS = (
    "".join(f"CREATE SCHEMA {schema};" for schema in SCHEMAS)
    + """
CREATE TABLE clay_assets.version (code_version integer NOT NULL);
CREATE TABLE clay_assets.products (
    product text COLLATE "C" PRIMARY KEY, checkpoint_id text NOT NULL, width integer NOT NULL,
    grid integer[], centre real[], centre_version text, recall jsonb NOT NULL DEFAULT '{}',
    measured text
);
CREATE TABLE clay_assets.tiles (
    product text COLLATE "C" REFERENCES clay_assets.products ON DELETE CASCADE, mgrs text,
    load bigint NOT NULL UNIQUE, version text NOT NULL, rows integer NOT NULL,
    run_id text NOT NULL, loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (product, mgrs)
);
CREATE TABLE clay_assets.graphs (
    product text COLLATE "C" REFERENCES clay_assets.products ON DELETE CASCADE,
    name text NOT NULL, first_load bigint NOT NULL, beyond_load bigint NOT NULL,
    rows bigint NOT NULL, seconds real NOT NULL, PRIMARY KEY (product, first_load)
);
CREATE SEQUENCE clay_assets.loads;
"""
).encode()
"""Statements that make them, save the tables of the products."""
_INLINE_WIDTH = 2_000  # a row has to fit a page of 8 kB


def rows_of(product: str) -> str:
    """The quoted name of a product's narrow table."""
    return f"clay_rows.{quoted(product)}"


def details_of(product: str) -> str:
    """The quoted name of the table of what is told of hits."""
    return f"clay_details.{quoted(product)}"


def halves_of(product: str) -> str:
    """The quoted name of the table of vectors of half precision."""
    return f"clay_halves.{quoted(product)}"


def vectors_of_product(product: str) -> str:
    """The quoted name of the table of vectors."""
    return f"clay_vectors.{quoted(product)}"


def tables_of(product: str, width: int) -> tuple[str, ...]:
    """The quoted names of all tables of a product."""
    halves = (halves_of(product),) if width <= MAX_HALF_WIDTH else ()
    return (rows_of(product), details_of(product), vectors_of_product(product), *halves)


def product_tables(product: str, width: int) -> bytes:
    """Statements that make the tables of a product.

    A vector is left whole in its row: reading it from a side table takes five times as long.
    """
    rows, vectors, halves = rows_of(product), vectors_of_product(product), halves_of(product)
    storage = "PLAIN" if width <= _INLINE_WIDTH else "EXTERNAL"
    statements = f"""
        CREATE TABLE {rows} (
            number bigint PRIMARY KEY, id text COLLATE "C" NOT NULL UNIQUE, mgrs text NOT NULL,
            date date NOT NULL, cloud_share float4, west float8 NOT NULL, south float8 NOT NULL,
            east float8 NOT NULL, north float8 NOT NULL, sketch bit({width})
        );
        CREATE INDEX ON {rows} (mgrs, date);
        CREATE INDEX ON {rows} (date);
        CREATE TABLE {details_of(product)} (
            number bigint PRIMARY KEY, source_url text, geometry bytea NOT NULL
        );
        CREATE TABLE {vectors} (number bigint PRIMARY KEY, embedding vector({width}) NOT NULL);
        ALTER TABLE {vectors} ALTER embedding SET STORAGE {storage};
        ALTER TABLE {vectors} ALTER embedding SET STATISTICS 0;
    """
    if width <= MAX_HALF_WIDTH:
        statements += f"""
            CREATE TABLE {halves} (number bigint PRIMARY KEY, embedding halfvec({width}) NOT NULL);
            ALTER TABLE {halves} ALTER embedding SET STORAGE PLAIN;
            ALTER TABLE {halves} ALTER embedding SET STATISTICS 0;
        """
    return statements.encode()


def numbers_of(first_load: int, beyond_load: int) -> tuple[int, int]:
    """First number of a range of loads, and the one beyond its last.

    >>> numbers_of(1, 3)
    (4294967296, 12884901888)
    """
    return first_load << LOAD_BITS, beyond_load << LOAD_BITS


def quoted(name: str) -> str:
    """A name as it stands in a statement with parameters."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'
