"""What both wires promise whatever the tables hold: encryption, and results that are never cut off in silence.

Usage: wires.py encrypted|large; `checking.py` says what it needs and prints. `encrypted` wants the
certificate of the server (`cert.pem`) and one of nobody (`other.pem`) in the folder it runs in; `large`
wants a server with `serve.sql.max_result_mb = 1`.
"""

import pathlib

from checking import FLIGHT, PASSWORD, PG_HOST, PG_PORT, USER, check, run

LARGE = "SELECT value FROM generate_series(1, 1000000)"


def flight(scheme, trusted=None, **options):
    import adbc_driver_flightsql.dbapi
    from adbc_driver_flightsql import DatabaseOptions as Flight
    from adbc_driver_manager import DatabaseOptions

    options[DatabaseOptions.USERNAME.value] = USER
    options[DatabaseOptions.PASSWORD.value] = PASSWORD
    if trusted is not None:
        options[Flight.TLS_ROOT_CERTS.value] = pathlib.Path(trusted).read_text()
    return adbc_driver_flightsql.dbapi.connect(f"{scheme}://{FLIGHT}", db_kwargs=options)


def answer(scheme, trusted=None, **options):
    with flight(scheme, trusted, **options) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT 41 + 1")
        return cursor.fetchone()[0]


def refusal(scheme, trusted=None, **options):
    """What a connection that must not come about fails with."""
    try:
        got = answer(scheme, trusted, **options)
    except Exception as error:
        return str(error)
    raise AssertionError(f"let in: {got}")


@check("encrypted")
def a_certificate_that_is_trusted_lets_in():
    assert answer("grpc+tls", "cert.pem") == 42


@check("encrypted")
def a_certificate_of_somebody_else_does_not():
    error = refusal("grpc+tls", "other.pem")
    assert "certificate" in error, error


@check("encrypted")
def a_certificate_nobody_vouches_for_does_not():
    error = refusal("grpc+tls")
    assert "certificate" in error, error


@check("encrypted")
def a_name_that_is_not_in_the_certificate_does_not():
    from adbc_driver_flightsql import DatabaseOptions as Flight

    error = refusal("grpc+tls", "cert.pem", **{Flight.TLS_OVERRIDE_HOSTNAME.value: "db.example"})
    assert "db.example" in error, error


@check("encrypted")
def nothing_is_said_without_encryption():
    refusal("grpc")
    # And nobody else is kept from it.
    assert answer("grpc+tls", "cert.pem") == 42


@check("large")
def flight_says_what_was_cut_off():
    with flight("grpc") as conn, conn.cursor() as cursor:
        try:
            cursor.execute(LARGE)
            got = cursor.fetch_arrow_table().num_rows
        except Exception as error:
            assert "serve.sql.max_result_mb" in str(error), error
        else:
            raise AssertionError(f"{got} rows as if they were all")
        cursor.execute("SELECT count(*) FROM generate_series(1, 1000000)")
        assert cursor.fetchone()[0] == 1000000


@check("large")
def psycopg_says_what_was_cut_off():
    import psycopg

    with psycopg.connect(
        host=PG_HOST, port=PG_PORT, user=USER, password=PASSWORD, dbname="nonsite", autocommit=True
    ) as conn:
        for prepare in (False, True):
            try:
                got = len(conn.execute(LARGE, prepare=prepare).fetchall())
            except psycopg.errors.ProgramLimitExceeded as error:
                assert "serve.sql.max_result_mb" in str(error), error
            else:
                raise AssertionError(f"{got} rows as if they were all")
        # Portion by portion it is one result all the same.
        got = 0
        try:
            with conn.transaction(), conn.cursor(name="portions") as cursor:
                cursor.itersize = 1000
                cursor.execute(LARGE)
                for _ in cursor:
                    got += 1
        except psycopg.errors.ProgramLimitExceeded as error:
            assert 0 < got < 1000000, got
            assert "serve.sql.max_result_mb" in str(error), error
        else:
            raise AssertionError(f"{got} rows as if they were all")
        assert conn.execute("SELECT 1").fetchone() == (1,)


run()
