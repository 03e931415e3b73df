"""What reporting tools send to a PostgreSQL data source, as they send it.

Usage: reporting.py grafana|superset. The texts are what goes over the wire, taken from the tools' sources:

- Grafana 12.2: the query editor's questions about the catalogue and the expansions of the time macros of
  its PostgreSQL data source. Everything goes as one simple query; a column's type decides what a panel
  makes of it, so the types are checked, too.
- Superset 6.1: what its PostgreSQL engine spec and SQL Lab ask besides SQLAlchemy 1.4's inspector, over
  psycopg2. This part runs under an interpreter of its own, with that SQLAlchemy.
"""

import datetime

from checking import PASSWORD, PG_HOST, PG_PORT, USER, check, run

# --- Grafana -------------------------------------------------------------------------------------

# The schemas of the search path, as the query editor writes them into its questions.
SEARCH_PATH = """
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )"""
SYSTEM_SCHEMAS = (
    "('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_cache', '_timescaledb_catalog',"
    " '_timescaledb_internal', '_timescaledb_config', 'timescaledb_information', 'timescaledb_experimental')"
)
# Types pgx knows by number: what has another one ends a panel with an error.
TEXT, INT4, INT8, FLOAT8, TIMESTAMPTZ, NUMERIC = 25, 23, 20, 701, 1184, 1700


class Grafana:
    """One connection; every question is a simple query, as the data source sends it."""

    def __enter__(self):
        import psycopg

        self.conn = psycopg.connect(
            host=PG_HOST, port=PG_PORT, user=USER, password=PASSWORD, dbname="nonsite", autocommit=True
        )
        return self

    def __exit__(self, *_):
        self.conn.close()

    def ask(self, sql):
        """Rows, and the numbers of the columns' types by name."""
        # Without parameters psycopg sends a simple query.
        cursor = self.conn.execute(sql)
        # Whatever is not called SELECT is passed over.
        assert cursor.statusmessage.startswith("SELECT "), cursor.statusmessage
        kinds = {column.name: column.type_code for column in cursor.description}
        return cursor.fetchall(), kinds

    def span(self):
        """The hours there are data of."""
        first, last = self.ask("SELECT min(data_time), max(data_time) FROM readings")[0][0]
        return first, last


def rfc3339(at):
    return at.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@check("grafana")
def the_data_source_is_tested_and_its_version_read():
    with Grafana() as grafana:
        # Nothing but a comment is how the pool looks whether a connection lives.
        grafana.conn.execute("-- ping")
        rows, kinds = grafana.ask("SELECT current_setting('server_version_num')::int/100 as version")
        assert rows[0][0] >= 900 and kinds["version"] in (INT4, INT8), (rows, kinds)
        rows, _ = grafana.ask("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'")
        assert rows == [], rows


@check("grafana")
def the_query_editor_lists_schemas_and_tables():
    with Grafana() as grafana:
        schemas, _ = grafana.ask(
            f'SELECT schema_name AS "name" FROM information_schema.schemata'
            f" WHERE schema_name NOT IN {SYSTEM_SCHEMAS} ORDER BY schema_name"
        )
        assert schemas == [("nonsite",), ("nonsite_meta",)], schemas
        tables, _ = grafana.ask(
            f"""SELECT CASE WHEN {SEARCH_PATH}
                  THEN quote_ident(table_name)
                  ELSE quote_ident(table_schema) || '.' || quote_ident(table_name)
                END AS "table"
                FROM information_schema.tables
                WHERE quote_ident(table_schema) NOT IN {SYSTEM_SCHEMAS}
                ORDER BY CASE WHEN {SEARCH_PATH} THEN 0 ELSE 1 END, 1"""
        )
        names = {name.removeprefix("nonsite.") for (name,) in tables}
        assert {"readings", "hourly", "readings_raw", "nonsite_meta.query_log"} <= names, names
        of_schema, _ = grafana.ask(
            """SELECT quote_ident(table_name) AS "table" FROM information_schema.tables
               WHERE quote_ident(table_schema) = 'nonsite' ORDER BY 1"""
        )
        assert ("readings",) in of_schema, of_schema


@check("grafana")
def the_query_editor_lists_columns_with_types():
    with Grafana() as grafana:
        for table in ("nonsite.readings", "nonsite.hourly"):
            columns, _ = grafana.ask(
                f"""SELECT quote_ident(column_name) AS "column", data_type AS "type"
                    FROM information_schema.columns
                    WHERE
                      CASE WHEN array_length(parse_ident('{table}'),1) = 2
                        THEN quote_ident(table_schema) = (parse_ident('{table}'))[1]
                          AND quote_ident(table_name) = (parse_ident('{table}'))[2]
                        ELSE quote_ident(table_name) = '{table}' AND {SEARCH_PATH}
                      END"""
            )
            kinds = dict(columns)
            assert kinds["value"] == "double precision", kinds
            assert kinds["mn"] == "text", kinds
            time = "data_time" if table.endswith("readings") else "hour"
            assert kinds[time] == "timestamp with time zone", kinds


@check("grafana")
def a_panel_over_time():
    """$__timeGroupAlias(data_time, '1h') and $__timeFilter(data_time), one series per factor."""
    with Grafana() as grafana:
        first, last = grafana.span()
        rows, kinds = grafana.ask(
            f"""SELECT floor(extract(epoch from data_time)/3600)*3600 AS "time", factor AS metric,
                       avg(value) AS "value"
                FROM readings
                WHERE data_time BETWEEN '{rfc3339(first)}' AND '{rfc3339(last)}'
                GROUP BY 1, 2 ORDER BY 1"""
        )
        assert kinds == {"time": FLOAT8, "metric": TEXT, "value": FLOAT8}, kinds
        assert rows and all(time % 3600 == 0 for time, _, _ in rows), rows[:3]


@check("grafana")
def a_panel_of_raw_points():
    """$__time(hour), $__timeFrom() and $__timeTo()."""
    with Grafana() as grafana:
        first, last = grafana.span()
        rows, kinds = grafana.ask(
            f"""SELECT hour AS "time", mn AS metric, value FROM hourly
                WHERE hour >= '{rfc3339(first)}' AND hour <= '{rfc3339(last)}' AND factor = 'a21026'
                ORDER BY 1 LIMIT 500"""
        )
        assert kinds["time"] == TIMESTAMPTZ, kinds
        assert rows, "points"


@check("grafana")
def seconds_and_nanoseconds_since_1970():
    """$__timeEpoch, $__unixEpochFilter, $__unixEpochNanoFilter, $__unixEpochGroupAlias."""
    with Grafana() as grafana:
        first, last = (int(at.timestamp()) for at in grafana.span())
        second = "CAST(extract(epoch from data_time) AS BIGINT)"
        rows, kinds = grafana.ask(
            f"""SELECT floor((at)/300)*300 AS "time", count(*) AS n
                FROM (SELECT {second} AS at FROM readings) s
                WHERE at >= {first} AND at <= {last} GROUP BY 1 ORDER BY 1"""
        )
        assert rows and kinds["n"] == INT8, (rows[:1], kinds)
        rows, _ = grafana.ask(
            f"""SELECT extract(epoch from data_time) as "time", value
                FROM (SELECT {second} * 1000000000 AS ns, data_time, value FROM readings) s
                WHERE ns >= {first}000000000 AND ns <= {last}000000000 ORDER BY 1 LIMIT 10"""
        )
        assert len(rows) == 10, rows


@check("grafana")
def a_variable_and_an_annotation():
    """A template variable of several values, and findings as annotations with a time and an end."""
    with Grafana() as grafana:
        rows, _ = grafana.ask("SELECT DISTINCT mn AS __value, mn AS __text FROM mn_outlets ORDER BY 1")
        chosen = ",".join("'" + mn + "'" for mn, _ in rows)
        first, last = grafana.span()
        rows, kinds = grafana.ask(
            f"""SELECT window_start AS "time", window_end AS "timeend", rule_id AS text, severity AS tags
                FROM anomalies WHERE mn IN ({chosen})
                  AND window_start BETWEEN '{rfc3339(first)}' AND '{rfc3339(last)}'"""
        )
        assert kinds["time"] == TIMESTAMPTZ and kinds["timeend"] == TIMESTAMPTZ, kinds


# --- Superset ------------------------------------------------------------------------------------


def engine():
    import sqlalchemy

    url = sqlalchemy.engine.URL.create(
        "postgresql+psycopg2", USER, PASSWORD, PG_HOST, int(PG_PORT), "nonsite"
    )
    return sqlalchemy.create_engine(url)


@check("superset")
def a_connection_is_tested_and_catalogs_are_listed():
    with engine().connect() as conn:
        assert conn.dialect.do_ping(conn.connection)
        names = conn.execute("SELECT datname FROM pg_database WHERE datistemplate = false").fetchall()
        assert [name for (name,) in names] == ["nonsite"], names


@check("superset")
def the_inspector_lists_what_there_is():
    import sqlalchemy

    inspector = sqlalchemy.inspect(engine())
    assert {"nonsite", "nonsite_meta"} <= set(inspector.get_schema_names())
    assert inspector.default_schema_name == "nonsite"
    tables = set(inspector.get_table_names("nonsite")) | set(inspector.get_foreign_table_names("nonsite"))
    assert "readings_raw" in tables, tables
    assert "readings" in inspector.get_view_names("nonsite")
    columns = {column["name"]: column for column in inspector.get_columns("readings_raw", "nonsite")}
    assert type(columns["value"]["type"]).__name__ == "DOUBLE_PRECISION", columns["value"]
    assert columns["data_time"]["type"].timezone, columns["data_time"]
    assert columns["mn"]["comment"], columns["mn"]
    assert inspector.get_table_comment("readings_raw", "nonsite")["text"]
    assert inspector.get_pk_constraint("readings_raw", "nonsite")["constrained_columns"] == []
    assert inspector.get_foreign_keys("readings_raw", "nonsite") == []
    assert inspector.get_indexes("readings_raw", "nonsite") == []
    assert inspector.get_unique_constraints("readings_raw", "nonsite") == []
    assert inspector.has_table("readings_raw", "nonsite") and not inspector.has_table("nope", "nonsite")


@check("superset")
def sql_lab_runs_a_query_in_a_schema_and_knows_its_number():
    connection = engine().raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute('set search_path = "nonsite_meta"')
        cursor.execute("SELECT pg_backend_pid()")
        assert cursor.fetchone()[0] > 0
        cursor.execute("SELECT current_schema()")
        assert cursor.fetchone()[0] == "nonsite_meta"
        cursor.execute("SELECT count(*) FROM rules")
        assert cursor.fetchone()[0] > 0
    finally:
        connection.close()


@check("superset")
def sql_lab_estimates_a_query():
    with engine().connect() as conn:
        assert conn.execute("EXPLAIN SELECT count(*) FROM readings").fetchall()


@check("superset")
def a_chart_groups_by_time_grain():
    with engine().connect() as conn:
        grains = ("second", "minute", "hour", "day", "week", "month", "quarter", "year")
        for grain in grains:
            rows = conn.execute(
                f"""SELECT DATE_TRUNC('{grain}', data_time) AS __timestamp, factor AS factor,
                           AVG(value) AS "AVG(value)"
                    FROM nonsite.readings
                    WHERE data_time >= TO_TIMESTAMP('2020-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
                      AND data_time < TO_TIMESTAMP('2100-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US')
                    GROUP BY DATE_TRUNC('{grain}', data_time), factor
                    ORDER BY "AVG(value)" DESC LIMIT 100"""
            ).fetchall()
            assert rows and rows[0][0].tzinfo is not None, (grain, rows[:1])
        rows = conn.execute(
            """SELECT mn, COUNT(*) AS count FROM nonsite.readings
               WHERE date >= TO_DATE('2020-01-01', 'YYYY-MM-DD') AND date < TO_DATE('2100-01-01', 'YYYY-MM-DD')
               GROUP BY mn ORDER BY count DESC LIMIT 1000"""
        ).fetchall()
        assert rows, "counts"


@check("superset")
def a_dataset_is_described_by_a_query_without_rows():
    with engine().connect() as conn:
        cursor = conn.execute(
            "SELECT * FROM (SELECT mn, data_time, value FROM nonsite.readings) AS virtual_table LIMIT 1"
        )
        assert list(cursor.keys()) == ["mn", "data_time", "value"]


@check("superset")
def the_stop_button_ends_a_query():
    import threading

    import psycopg2

    running, stopping = engine().raw_connection(), engine().raw_connection()
    try:
        cursor = running.cursor()
        cursor.execute("SELECT pg_backend_pid()")
        number = cursor.fetchone()[0]

        stopped = []
        over = threading.Event()

        def stop():
            # Pressed again until it has an effect: on a busy machine the first may come before the query.
            while not over.wait(1.0):
                other = stopping.cursor()
                other.execute(
                    f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid='{number}'"
                )
                stopped.extend(other.fetchall())

        thread = threading.Thread(target=stop)
        thread.start()
        try:
            cursor.execute(
                "SELECT count(*) FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b "
                "WHERE a.value % 7 = b.value % 11"
            )
            raise AssertionError("it ended by itself")
        except psycopg2.errors.QueryCanceled as ended:
            assert "user request" in str(ended), ended
        finally:
            over.set()
            thread.join()
        assert stopped and set(stopped) == {(True,)}, stopped
    finally:
        running.close()
        stopping.close()


run()
