"""Everyday calls of Python clients against a running server, one check each.

Usage: clients.py psycopg|asyncpg|sqlalchemy|flight; `checking.py` says what it needs and prints.
"""

import asyncio
import datetime
import os

from checking import FLIGHT, PASSWORD, PG_HOST, PG_PORT, USER, check, run


# --- psycopg 3 -------------------------------------------------------------------------------


def pg():
    import psycopg

    return psycopg.connect(
        host=PG_HOST, port=PG_PORT, user=USER, password=PASSWORD, dbname="nonsite",
        application_name="clients.py",
    )


@check("psycopg")
def types_come_as_python_has_them():
    with pg() as conn:
        row = conn.execute(
            "SELECT mn, data_time, value, date, resend, kafka_offset FROM readings_raw "
            "WHERE value IS NOT NULL ORDER BY mn, factor, data_time LIMIT 1"
        ).fetchone()
    assert isinstance(row[0], str), row
    assert isinstance(row[1], datetime.datetime) and row[1].tzinfo is not None, row
    assert isinstance(row[2], float), row
    assert isinstance(row[3], datetime.date), row
    assert isinstance(row[4], bool), row
    assert isinstance(row[5], int), row


@check("psycopg")
def parameters_of_every_kind():
    with pg() as conn:
        mn, factor, date, value = conn.execute(
            "SELECT mn, factor, date, value FROM readings WHERE value IS NOT NULL LIMIT 1"
        ).fetchone()
        count = conn.execute(
            "SELECT count(*) FROM readings WHERE mn = %s AND factor = %s AND date = %s AND value = %s",
            (mn, factor, date, value),
        ).fetchone()[0]
        assert count >= 1
        sums = conn.execute("SELECT %s::int + 1, %s::text, %s::float8", (41, "x", 0.5)).fetchone()
        assert sums == (42, "x", 0.5), sums


@check("psycopg")
def a_list_is_one_parameter():
    with pg() as conn:
        mn, factor, date, time, value, offset = conn.execute(
            "SELECT mn, factor, date, data_time, value, kafka_offset FROM readings WHERE value IS NOT NULL LIMIT 1"
        ).fetchone()
        for column, member in (
            ("mn", mn), ("factor", factor), ("date", date), ("data_time", time), ("value", value),
            ("kafka_offset", offset),
        ):
            single, listed = (
                conn.execute(f"SELECT count(*) FROM readings WHERE {column} {test}", (values,)).fetchone()[0]
                for test, values in (("= %s", member), ("= ANY(%s)", [member]))
            )
            assert single == listed > 0, (column, single, listed)
        none, both, rest, every = (
            conn.execute(f"SELECT count(*) FROM readings {test}", values).fetchone()[0]
            for test, values in (
                ("WHERE mn = ANY(%s)", (["nobody"],)),
                ("WHERE mn = ANY(%s) AND factor = ANY(%s)", ([mn, "nobody"], [factor])),
                ("WHERE mn <> ALL(%s)", ([mn],)),
                ("", ()),
            )
        )
        assert none == 0 and both > 0 and 0 < rest < every, (none, both, rest, every)


@check("psycopg")
def prepared_statements_repeat():
    with pg() as conn:
        for n in range(8):
            got = conn.execute("SELECT %s::bigint * 2", (n,), prepare=True).fetchone()[0]
            assert got == 2 * n


@check("psycopg")
def binary_results():
    with pg() as conn:
        cursor = conn.cursor(binary=True)
        row = cursor.execute(
            "SELECT data_time, value, date, kafka_offset FROM readings_raw "
            "WHERE value IS NOT NULL LIMIT 1"
        ).fetchone()
        assert isinstance(row[0], datetime.datetime), row
        assert isinstance(row[1], float), row


@check("psycopg")
def server_side_cursor():
    with pg() as conn:
        with conn.cursor(name="many") as cursor:
            cursor.itersize = 100
            cursor.execute("SELECT mn, value FROM readings_raw LIMIT 1000")
            assert sum(1 for _ in cursor) == 1000


@check("psycopg")
def copy_out():
    with pg() as conn:
        with conn.cursor().copy("COPY (SELECT mn, value FROM readings_raw LIMIT 500) TO STDOUT") as copy:
            lines = b"".join(bytes(part) for part in copy).decode().splitlines()
    assert len(lines) == 500 and "\t" in lines[0], lines[:2]


@check("psycopg")
def an_error_leaves_the_connection_usable():
    import psycopg

    with pg() as conn:
        try:
            conn.execute("SELECT nope FROM readings")
            raise AssertionError("there is no such column")
        except psycopg.Error:
            conn.rollback()
        assert conn.execute("SELECT 1").fetchone() == (1,)


@check("psycopg")
def writing_is_refused_with_the_code_of_read_only():
    import psycopg

    with pg() as conn:
        for text in ("DELETE FROM anomalies", "CREATE TABLE x (a int)", "DROP VIEW readings"):
            try:
                conn.execute(text)
                raise AssertionError(text + " passed")
            except psycopg.errors.ReadOnlySqlTransaction:
                conn.rollback()


@check("psycopg")
def a_statement_timeout_of_the_client_holds():
    import psycopg

    with pg() as conn:
        conn.execute("SET statement_timeout = '500ms'")
        try:
            conn.execute(
                "SELECT count(*) FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b "
                "WHERE a.value % 7 = b.value % 11"
            )
            raise AssertionError("it ended")
        except psycopg.errors.QueryCanceled:
            conn.rollback()


@check("psycopg")
def cancel_from_another_thread():
    import threading
    import psycopg

    with pg() as conn:
        timer = threading.Timer(1.0, conn.cancel)
        timer.start()
        try:
            conn.execute(
                "SELECT count(*) FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b "
                "WHERE a.value % 7 = b.value % 11"
            )
            raise AssertionError("it ended")
        except psycopg.errors.QueryCanceled:
            conn.rollback()
        assert conn.execute("SELECT 1").fetchone() == (1,)


@check("psycopg")
def a_wrong_password_is_refused():
    import psycopg

    try:
        psycopg.connect(host=PG_HOST, port=PG_PORT, user=USER, password="wrong", dbname="nonsite")
        raise AssertionError("let in")
    except psycopg.OperationalError as error:
        assert "password" in str(error), error


@check("psycopg")
def a_closed_connection_ends_its_query():
    import threading
    import time

    # Of a process that dies nothing is left but a closed socket.
    conn = pg()
    marker = "SELECT count(*) AS abandoned FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b WHERE a.value % 7 = b.value % 13"

    def ask():
        try:
            conn.execute(marker)
        except Exception:
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    time.sleep(1.0)
    os.close(os.dup(conn.fileno()))
    import socket

    raw = socket.socket(fileno=os.dup(conn.fileno()))
    raw.shutdown(socket.SHUT_RDWR)
    raw.close()
    deadline = time.time() + 30
    with pg() as other:
        other.autocommit = True
        while time.time() < deadline:
            rows = other.execute(
                "SELECT outcome FROM nonsite_meta.query_log WHERE text LIKE '%abandoned%13%' "
                "AND text NOT LIKE '%query_log%'"
            ).fetchall()
            if rows and all(row[0] == "cancelled" for row in rows):
                return
            time.sleep(0.5)
    raise AssertionError(f"still there: {rows}")


# --- asyncpg ---------------------------------------------------------------------------------


async def apg():
    import asyncpg

    return await asyncpg.connect(
        host=PG_HOST, port=int(PG_PORT), user=USER, password=PASSWORD, database="nonsite"
    )


@check("asyncpg")
async def rows_and_parameters():
    conn = await apg()
    row = await conn.fetchrow("SELECT mn, date, value FROM readings WHERE value IS NOT NULL LIMIT 1")
    count = await conn.fetchval(
        "SELECT count(*) FROM readings WHERE mn = $1 AND date = $2", row["mn"], row["date"]
    )
    assert count >= 1
    assert await conn.fetchval("SELECT $1::int + $2::int", 40, 2) == 42
    await conn.close()


@check("asyncpg")
async def a_list_is_one_parameter():
    conn = await apg()
    row = await conn.fetchrow(
        "SELECT mn, date, data_time, value, kafka_offset FROM readings WHERE value IS NOT NULL LIMIT 1"
    )
    for column in row.keys():
        count = await conn.fetchval(
            f"SELECT count(*) FROM readings WHERE {column} = ANY($1)", [row[column]]
        )
        assert count > 0, column
    statement = await conn.prepare("SELECT count(*) FROM readings WHERE mn = ANY($1) AND date = ANY($2)")
    kinds = [parameter.name for parameter in statement.get_parameters()]
    assert kinds == ["text[]", "date[]"], kinds
    assert await statement.fetchval([row["mn"], "nobody"], [row["date"]]) > 0
    assert await statement.fetchval([], [row["date"]]) == 0
    assert await conn.fetchval("SELECT count(*) FROM readings WHERE mn = ANY($1::text[])", ["nobody"]) == 0
    await conn.close()


@check("asyncpg")
async def a_cursor_in_a_transaction():
    conn = await apg()
    async with conn.transaction():
        seen = 0
        async for _ in conn.cursor("SELECT mn FROM readings_raw LIMIT 300", prefetch=50):
            seen += 1
    assert seen == 300, seen
    await conn.close()


@check("asyncpg")
async def a_prepared_statement():
    conn = await apg()
    statement = await conn.prepare("SELECT count(*) FROM readings WHERE factor = $1")
    kinds = [parameter.name for parameter in statement.get_parameters()]
    assert kinds == ["text"], kinds
    assert await statement.fetchval("a21026") >= 0
    await conn.close()


@check("asyncpg")
async def a_pool():
    import asyncpg

    pool = await asyncpg.create_pool(
        host=PG_HOST, port=int(PG_PORT), user=USER, password=PASSWORD, database="nonsite",
        min_size=1, max_size=3,
    )
    got = await asyncio.gather(*(pool.fetchval("SELECT $1::int", n) for n in range(10)))
    assert got == list(range(10)), got
    await pool.close()


@check("asyncpg")
async def copy_from_a_query():
    import io

    conn = await apg()
    out = io.BytesIO()
    await conn.copy_from_query("SELECT mn, value FROM readings_raw LIMIT 50", output=out, format="csv")
    assert len(out.getvalue().splitlines()) == 50
    await conn.close()


# --- SQLAlchemy ------------------------------------------------------------------------------


def engine():
    import sqlalchemy

    url = sqlalchemy.URL.create(
        "postgresql+psycopg", USER, PASSWORD, PG_HOST, int(PG_PORT), "nonsite"
    )
    return sqlalchemy.create_engine(url)


@check("sqlalchemy")
def the_inspector_lists_schemas_tables_and_views():
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine())
    schemas = inspector.get_schema_names()
    assert {"nonsite", "nonsite_meta"} <= set(schemas), schemas
    assert inspector.default_schema_name == "nonsite", inspector.default_schema_name
    assert "readings_raw" in inspector.get_table_names(schema="nonsite")
    assert "readings" in inspector.get_view_names(schema="nonsite")


@check("sqlalchemy")
def columns_with_types_and_comments():
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine())
    columns = {column["name"]: column for column in inspector.get_columns("readings_raw", schema="nonsite")}
    assert "data_time" in columns and "value" in columns, columns.keys()
    assert "TIMESTAMP" in str(columns["data_time"]["type"]).upper(), columns["data_time"]
    assert columns["mn"]["comment"], columns["mn"]


@check("sqlalchemy")
def a_table_comment():
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine())
    assert inspector.get_table_comment("readings_raw", schema="nonsite")["text"]


@check("sqlalchemy")
def keys_and_indexes_are_none():
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine())
    assert inspector.get_pk_constraint("readings_raw", schema="nonsite")["constrained_columns"] == []
    assert inspector.get_foreign_keys("readings_raw", schema="nonsite") == []
    assert inspector.get_indexes("readings_raw", schema="nonsite") == []


@check("sqlalchemy")
def a_reflected_table_is_asked():
    import sqlalchemy
    from sqlalchemy import MetaData, Table, func, select

    on = engine()
    table = Table("readings_raw", MetaData(), schema="nonsite", autoload_with=on)
    with on.connect() as conn:
        count = conn.execute(select(func.count()).select_from(table)).scalar_one()
        assert count > 0
        row = conn.execute(select(table).where(table.c.value > 0).limit(1)).first()
        assert row.mn


@check("sqlalchemy")
def pandas_reads_a_query():
    import pandas

    with engine().connect() as conn:
        frame = pandas.read_sql("SELECT factor, count(*) AS n FROM readings GROUP BY factor", conn)
    assert len(frame) > 0 and list(frame.columns) == ["factor", "n"], frame


# --- Flight SQL by ADBC ----------------------------------------------------------------------


def flight():
    import adbc_driver_flightsql.dbapi
    from adbc_driver_manager import DatabaseOptions

    scheme = "grpc"
    options = {
        DatabaseOptions.USERNAME.value: USER,
        DatabaseOptions.PASSWORD.value: PASSWORD,
    }
    return adbc_driver_flightsql.dbapi.connect(f"{scheme}://{FLIGHT}", db_kwargs=options)


@check("flight")
def a_query_into_arrow():
    with flight() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT mn, data_time, value FROM readings_raw LIMIT 1000")
        table = cursor.fetch_arrow_table()
    assert table.num_rows == 1000, table.num_rows
    assert table.column_names == ["mn", "data_time", "value"], table.schema


@check("flight")
def a_query_into_pandas():
    with flight() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT factor, count(*) AS n FROM readings GROUP BY factor")
        frame = cursor.fetch_df()
    assert len(frame) > 0


@check("flight")
def a_query_into_polars():
    import polars

    with flight() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT factor, value FROM readings WHERE value IS NOT NULL")
        frame = cursor.fetch_polars()
        again = polars.read_database("SELECT factor, count(*) AS n FROM readings GROUP BY factor", conn)
    assert isinstance(frame, polars.DataFrame) and frame.height > 0, frame
    assert set(again["factor"]) >= set(frame["factor"]), again


@check("flight")
def a_list_is_one_parameter():
    with flight() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT mn FROM readings LIMIT 1")
        mn = cursor.fetchone()[0]
        import pyarrow

        values = pyarrow.record_batch({"0": pyarrow.array([[mn, "nobody"]], pyarrow.list_(pyarrow.string()))})
        cursor.adbc_statement.set_sql_query("SELECT count(*) FROM readings WHERE mn = ANY($1)")
        cursor.adbc_statement.prepare()
        cursor.adbc_statement.bind(values)
        handle, _ = cursor.adbc_statement.execute_query()
        table = pyarrow.RecordBatchReader.from_stream(handle).read_all()
        assert table.column(0)[0].as_py() > 0, table


@check("flight")
def a_cancelled_call_ends_its_query():
    import threading
    import time

    marker = (
        "SELECT count(*) AS dropped FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b "
        "WHERE a.value % 7 = b.value % 17"
    )
    with flight() as conn, conn.cursor() as cursor:
        threading.Timer(1.0, cursor.adbc_cancel).start()
        try:
            cursor.execute(marker)
            cursor.fetchall()
            raise AssertionError("it ended by itself")
        except AssertionError:
            raise
        except Exception:
            pass
    deadline = time.time() + 30
    with flight() as conn, conn.cursor() as cursor:
        while time.time() < deadline:
            cursor.execute(
                "SELECT outcome FROM nonsite_meta.query_log "
                "WHERE text LIKE '%dropped%17%' AND text NOT LIKE '%query_log%'"
            )
            outcomes = [row[0] for row in cursor.fetchall()]
            if outcomes and all(outcome == "cancelled" for outcome in outcomes):
                return
            time.sleep(0.5)
    raise AssertionError(f"still there: {outcomes}")


@check("flight")
def parameters_are_bound():
    with flight() as conn, conn.cursor() as cursor:
        cursor.execute("SELECT mn FROM readings LIMIT 1")
        mn = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM readings WHERE mn = $1", (mn,))
        assert cursor.fetchone()[0] > 0


@check("flight")
def objects_are_listed():
    with flight() as conn:
        objects = conn.adbc_get_objects(depth="tables").read_all().to_pylist()
        names = {
            table["table_name"]
            for catalog in objects
            for schema in catalog["catalog_db_schemas"]
            for table in schema["db_schema_tables"]
        }
        assert {"readings", "readings_raw", "query_log"} <= names, names
        schema = conn.adbc_get_table_schema("readings_raw", db_schema_filter="nonsite")
        assert "data_time" in schema.names, schema
        assert "TABLE" in conn.adbc_get_table_types()
        assert conn.adbc_get_info()["vendor_name"] == "nonsite"


@check("flight")
def flight_refuses_to_write():
    with flight() as conn, conn.cursor() as cursor:
        for text in ("DELETE FROM anomalies", "CREATE TABLE x (a int)", "SELECT 1; DROP VIEW readings",
                     "SELECT * FROM '/etc/passwd'", "SET datafusion.execution.batch_size = 1"):
            try:
                cursor.execute(text)
                cursor.fetchall()
                raise AssertionError(text + " passed")
            except AssertionError:
                raise
            except Exception:
                pass


@check("flight")
def flight_refuses_a_wrong_password():
    import adbc_driver_flightsql.dbapi
    from adbc_driver_manager import DatabaseOptions

    options = {DatabaseOptions.USERNAME.value: USER, DatabaseOptions.PASSWORD.value: "wrong"}
    try:
        with adbc_driver_flightsql.dbapi.connect(f"grpc://{FLIGHT}", db_kwargs=options) as conn:
            with conn.cursor() as cursor:
                cursor.execute("SELECT 1")
                cursor.fetchall()
        raise AssertionError("let in")
    except AssertionError:
        raise
    except Exception:
        pass


run()
