//! What is mended in questions about the catalogue, and what stays as it was asked.

use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::*;

fn read(text: &str) -> Vec<Statement> {
    Parser::parse_sql(&PostgreSqlDialect {}, text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn mended(text: &str) -> String {
    let mut statements = read(text);
    statements.iter_mut().for_each(mend);
    let texts: Vec<String> = statements.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// What is asked, and what the engine is asked instead.
fn are_mended(cases: &[(&str, &str)]) {
    for (asked, wanted) in cases {
        assert_eq!(mended(asked), *wanted, "{asked}");
    }
}

/// What has its meaning here already.
fn stay(cases: &[&str]) {
    for asked in cases {
        assert_eq!(mended(asked), *asked);
    }
}

#[test]
fn what_there_is_none_of_is_null() {
    are_mended(&[
        (
            "SELECT c.relacl AS acl, c.reloptions AS o FROM pg_class c",
            "SELECT NULL AS acl, NULL AS o FROM pg_class c",
        ),
        (
            "SELECT pg_catalog.pg_database_size(d.oid) AS s FROM pg_database d",
            "SELECT NULL AS s FROM pg_database d",
        ),
        (
            "SELECT ARRAY(SELECT rolname FROM pg_roles) AS r FROM pg_policy",
            "SELECT NULL AS r FROM pg_policy",
        ),
        (
            "SELECT array_to_string(ARRAY(SELECT rolname FROM pg_roles), ',') AS r FROM pg_policy",
            "SELECT NULL AS r FROM pg_policy",
        ),
        (
            "SELECT unnest(i.indkey) AS k, generate_subscripts(c.conkey, 1) AS n FROM pg_index i",
            "SELECT NULL AS k, NULL AS n FROM pg_index i",
        ),
        (
            "SELECT i.indkey[0] AS k FROM pg_index i",
            "SELECT NULL AS k FROM pg_index i",
        ),
        (
            "SELECT (SELECT collname FROM pg_catalog.pg_collation) AS c FROM pg_attribute",
            "SELECT NULL AS c FROM pg_attribute",
        ),
    ]);
    stay(&[
        "SELECT c.relname, c.relkind FROM pg_class c",
        "SELECT pg_table_size(c.oid) AS s FROM pg_class c",
        "SELECT array_to_string(p.proargnames, ',') AS a FROM pg_proc p",
        "SELECT unnest(p.proargnames) AS a FROM pg_proc p",
        "SELECT p.proargtypes[0] AS a FROM pg_proc p",
        "SELECT ARRAY[1, 2] AS a FROM pg_class",
    ]);
}

#[test]
fn a_subquery_that_is_a_value_has_one_row() {
    are_mended(&[
        (
            "SELECT (SELECT nspname FROM pg_namespace WHERE oid = relnamespace) AS n FROM pg_class",
            "SELECT (SELECT min(nspname) FROM pg_namespace WHERE oid = relnamespace) AS n FROM pg_class",
        ),
        (
            "SELECT (SELECT nspname AS x FROM pg_namespace ORDER BY oid) AS n FROM pg_class",
            "SELECT (SELECT min(nspname) AS x FROM pg_namespace) AS n FROM pg_class",
        ),
    ]);
    stay(&[
        "SELECT (SELECT count(*) FROM pg_namespace) AS n FROM pg_class",
        "SELECT (SELECT nspname FROM pg_namespace LIMIT 1) AS n FROM pg_class",
        "SELECT (SELECT nspname FROM pg_namespace GROUP BY nspname) AS n FROM pg_class",
        "SELECT (SELECT 1) AS n FROM pg_class",
        // Not a value: as many rows as there are.
        "SELECT n FROM (SELECT nspname AS n FROM pg_namespace) AS a",
        "SELECT relname FROM pg_class WHERE relnamespace IN (SELECT oid FROM pg_namespace)",
    ]);
}

#[test]
fn a_flag_is_compared_with_a_boolean() {
    are_mended(&[
        (
            "SELECT 1 FROM pg_index WHERE indisprimary = 'f'",
            "SELECT 1 FROM pg_index WHERE indisprimary = false",
        ),
        (
            "SELECT 1 FROM pg_attribute a WHERE a.attnotnull = 'T' AND a.attisdropped = 'false'",
            "SELECT 1 FROM pg_attribute a WHERE a.attnotnull = true AND a.attisdropped = false",
        ),
    ]);
    stay(&[
        // A letter is a kind of something there.
        "SELECT 1 FROM pg_class WHERE relkind = 't'",
        "SELECT 1 FROM pg_index WHERE indisprimary = 'x'",
        "SELECT 1 FROM pg_index WHERE indisprimary <> 'f'",
        "SELECT 1 FROM pg_attribute WHERE attnotnull = false",
        "SELECT 1 FROM pg_attribute WHERE NOT attisdropped",
    ]);
}

#[test]
fn a_text_is_true_or_false_in_a_letter_or_a_word() {
    let says = |text: &str| truth(&literal(text.to_owned()));
    for (text, wanted) in [
        ("t", Some(true)),
        ("TRUE", Some(true)),
        ("f", Some(false)),
        ("False", Some(false)),
        ("", None),
        ("yes", None),
        ("1", None),
    ] {
        assert_eq!(says(text), wanted, "{text}");
    }
    assert_eq!(truth(&Expr::value(Value::Boolean(true))), None);
    assert_eq!(truth(&Expr::Identifier(Ident::new("t"))), None);
}

#[test]
fn no_type_is_made_of_parts() {
    are_mended(&[
        (
            "SELECT CASE WHEN t.typtype = 'd' THEN (SELECT 1) END AS d FROM pg_type t",
            "SELECT CASE WHEN t.typtype = 'd' THEN arrow_cast(NULL, 'Int32') END AS d FROM pg_type t",
        ),
        (
            "SELECT CASE WHEN typtype = 'c' THEN (SELECT array_agg(attname) FROM pg_attribute) END AS n FROM pg_type",
            "SELECT CASE WHEN typtype = 'c' THEN arrow_cast(NULL, 'List(Utf8)') END AS n FROM pg_type",
        ),
        (
            "SELECT CASE WHEN typtype = 'c' THEN (SELECT array_agg(atttypid) FROM pg_attribute) END AS n FROM pg_type",
            "SELECT CASE WHEN typtype = 'c' THEN arrow_cast(NULL, 'List(Int32)') END AS n FROM pg_type",
        ),
    ]);
    stay(&[
        "SELECT CASE WHEN typtype = 'c' THEN 'composite' ELSE 'other' END AS k FROM pg_type",
        "SELECT CASE WHEN typtype = 'b' THEN (SELECT max(typlen) FROM pg_type) END AS n FROM pg_type",
    ]);
}

#[test]
fn a_key_is_taken_apart_into_nothing() {
    are_mended(&[
        (
            "SELECT information_schema._pg_expandarray(i.indkey) AS keys FROM pg_index i",
            "SELECT named_struct('x', arrow_cast(NULL, 'Int32'), 'n', arrow_cast(NULL, 'Int32')) AS keys FROM pg_index i",
        ),
        (
            "SELECT (i.keys).n AS n FROM pg_index i",
            "SELECT (i.keys)['n'] AS n FROM pg_index i",
        ),
    ]);
    stay(&["SELECT i.keys AS k FROM pg_index i"]);
}

#[test]
fn a_name_that_is_put_together_is_looked_up_by_row() {
    are_mended(&[
        (
            "SELECT (table_schema || '.' || table_name)::regclass AS t FROM information_schema.tables",
            "SELECT to_regclass((table_schema || '.' || table_name)) AS t FROM information_schema.tables",
        ),
        (
            "SELECT CAST(quote_ident(table_name) AS regclass) AS t FROM information_schema.tables",
            "SELECT to_regclass(quote_ident(table_name)) AS t FROM information_schema.tables",
        ),
    ]);
    stay(&[
        "SELECT 'readings'::REGCLASS AS t FROM pg_class",
        "SELECT oid::REGCLASS AS t FROM pg_class",
        "SELECT (table_schema || table_name)::TEXT AS t FROM information_schema.tables",
    ]);
}

#[test]
fn columns_that_are_null_get_names_that_differ() {
    are_mended(&[
        (
            "SELECT NULL, relname, NULL FROM pg_class",
            "SELECT NULL AS null_1, relname, NULL AS null_3 FROM pg_class",
        ),
        (
            "SELECT c.relacl FROM pg_class c",
            "SELECT NULL AS null_1 FROM pg_class c",
        ),
    ]);
    stay(&[
        "SELECT NULL AS a, 1 FROM pg_class",
        "SELECT coalesce(NULL, relname) FROM pg_class",
    ]);
}

#[test]
fn a_table_of_ours_has_its_schema() {
    are_mended(&[(
        "SELECT pid FROM pg_stat_activity",
        "SELECT pid FROM pg_catalog.pg_stat_activity",
    )]);
    stay(&[
        "SELECT pid FROM pg_catalog.pg_stat_activity",
        "SELECT pid FROM other.pg_stat_activity",
        "SELECT relname FROM pg_class",
    ]);
}

#[test]
fn a_table_of_the_catalogue_is_looked_up_with_its_schema() {
    for (asked, wanted) in [
        (
            "SELECT 'pg_class'::regclass",
            Some("SELECT 'pg_catalog.pg_class'::REGCLASS"),
        ),
        (
            "SELECT 1; SELECT 'pg_class'::regclass",
            Some("SELECT 1; SELECT 'pg_catalog.pg_class'::REGCLASS"),
        ),
        (
            "SELECT 1 FROM pg_type WHERE typinput = 'pg_catalog.array_in'::regproc",
            Some("SELECT 1 FROM pg_type WHERE typinput = 'array_in'"),
        ),
        ("SELECT 'readings'::regclass", None),
        ("SELECT 'pg_catalog.x'::text", None),
        ("SELECT oid::regclass FROM pg_class", None),
        ("SELECT relname FROM pg_class", None),
    ] {
        assert_eq!(qualified(read(asked)).as_deref(), wanted, "{asked}");
    }
}
