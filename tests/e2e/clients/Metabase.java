import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What Metabase 0.55 asks a PostgreSQL database over JDBC: what its pool sets, what its sync reads (version,
 * time zone, schemas, rights, tables, fields, keys, indexes), and the shapes of the questions its query
 * builder makes. The texts are what its driver sends, values bound as it binds them.
 */
public final class Metabase extends Checks {
    private static final String NOT_SYSTEM = " !~ '^information_schema|catalog_history|pg_'";

    public static void main(String[] args) throws Exception {
        try (Connection on = postgresql()) {
            pool(on);
            sync(on);
            keys(on);
            questions(on);
        }
        exit();
    }

    private static void pool(Connection on) {
        check("what_the_pool_sets", () -> {
            try (Statement statement = on.createStatement()) {
                statement.execute("SET application_name = 'Metabase v0.55.1'");
                statement.execute("SET extra_float_digits = 2");
            }
            on.setReadOnly(true);
            on.setTransactionIsolation(Connection.TRANSACTION_READ_UNCOMMITTED);
            expect(on.isValid(5), "a connection that lives");
            on.setReadOnly(false);
            DatabaseMetaData meta = on.getMetaData();
            expect(meta.getDatabaseMajorVersion() >= 12, "a version: " + meta.getDatabaseProductVersion());
            // The driver sets that of its machine.
            expect(!one(on, "show timezone;").toString().isEmpty(), "a time zone");
        });
    }

    /** Rows of a query as maps, its values bound as texts. */
    private static List<Map<String, Object>> rows(Connection on, String sql, String... values)
            throws SQLException {
        List<Map<String, Object>> found = new ArrayList<>();
        try (PreparedStatement statement = on.prepareStatement(sql)) {
            for (int at = 0; at < values.length; at++) {
                statement.setString(at + 1, values[at]);
            }
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    Map<String, Object> row = new HashMap<>();
                    for (int at = 1; at <= rows.getMetaData().getColumnCount(); at++) {
                        row.put(rows.getMetaData().getColumnLabel(at), rows.getObject(at));
                    }
                    found.add(row);
                }
            }
        }
        return found;
    }

    private static void sync(Connection on) {
        check("schemas", () -> holds(column(on.getMetaData().getSchemas(), "TABLE_SCHEM"), "nonsite_meta"));
        check("rights", () -> {
            String name = "'\"' || replace(t.schemaname, '\"', '\"\"') || '\"' || '.' || '\"'"
                    + " || replace(t.objectname, '\"', '\"\"') || '\"'";
            String may = "pg_catalog.has_any_column_privilege(current_user, " + name + ", '%s') as %s";
            List<Map<String, Object>> found = rows(on, "with table_privileges as (select NULL as role,"
                    + " t.schemaname as schema, t.objectname as table, "
                    + String.format(may, "update", "\"update\"") + ", "
                    + String.format(may, "select", "\"select\"") + ", "
                    + String.format(may, "insert", "\"insert\"")
                    + ", pg_catalog.has_table_privilege(current_user, " + name + ", 'delete') as \"delete\""
                    + " from (select schemaname, tablename as objectname from pg_catalog.pg_tables"
                    + " union select schemaname, viewname as objectname from pg_catalog.pg_views"
                    + " union select schemaname, matviewname as objectname from pg_catalog.pg_matviews) t"
                    + " where t.schemaname !~ '^pg_' and t.schemaname <> 'information_schema'"
                    + " and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage'))"
                    + " select t.* from table_privileges t");
            boolean mayRead = found.stream().anyMatch(row -> "readings".equals(row.get("table"))
                    && Boolean.TRUE.equals(row.get("select")));
            expect(mayRead, "readings among what may be read: " + found.size() + " rows");
        });
        check("tables", () -> {
            List<Map<String, Object>> found = rows(on, "SELECT \"n\".\"nspname\" AS \"schema\","
                    + " \"c\".\"relname\" AS \"name\", CASE \"c\".\"relkind\" WHEN 'r' THEN 'TABLE'"
                    + " WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' WHEN 'f' THEN 'FOREIGN TABLE'"
                    + " WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE NULL END AS \"type\","
                    + " \"d\".\"description\" AS \"description\","
                    + " \"stat\".\"n_live_tup\" AS \"estimated_row_count\""
                    + " FROM \"pg_catalog\".\"pg_class\" AS \"c\""
                    + " INNER JOIN \"pg_catalog\".\"pg_namespace\" AS \"n\" ON \"c\".\"relnamespace\" = \"n\".\"oid\""
                    + " LEFT JOIN \"pg_catalog\".\"pg_description\" AS \"d\" ON (\"c\".\"oid\" = \"d\".\"objoid\")"
                    + " AND (\"d\".\"objsubid\" = ?) AND (\"d\".\"classoid\" = 'pg_class'::regclass)"
                    + " LEFT JOIN \"pg_stat_user_tables\" AS \"stat\" ON (\"n\".\"nspname\" = \"stat\".\"schemaname\")"
                    + " AND (\"c\".\"relname\" = \"stat\".\"relname\")"
                    + " WHERE (\"c\".\"relnamespace\" = \"n\".\"oid\") AND (\"n\".\"nspname\" !~ '^pg_')"
                    + " AND (\"n\".\"nspname\" <> 'information_schema') AND c.relkind in ('r', 'p', 'v', 'f', 'm')"
                    + " AND (\"n\".\"nspname\" IN (?, ?)) ORDER BY \"type\" ASC, \"schema\" ASC, \"name\" ASC",
                    "0", "nonsite", "nonsite_meta");
            Map<String, Object> raw = named(found, "name", "readings_raw");
            expect("TABLE".equals(raw.get("type")) && raw.get("description") != null, raw.toString());
            expect("VIEW".equals(named(found, "name", "readings").get("type")), "a view");
        });
        check("fields", () -> {
            List<Map<String, Object>> found = rows(on, "SELECT \"c\".\"column_name\" AS \"name\","
                    + " CASE WHEN \"c\".\"udt_schema\" IN ('public', 'pg_catalog') THEN FORMAT('%s', \"c\".\"udt_name\")"
                    + " ELSE FORMAT('\"%s\".\"%s\"', \"c\".\"udt_schema\", \"c\".\"udt_name\") END AS \"database-type\","
                    + " \"c\".\"ordinal_position\" - 1 AS \"database-position\","
                    + " \"c\".\"table_schema\" AS \"table-schema\", \"c\".\"table_name\" AS \"table-name\","
                    + " \"pk\".\"column_name\" IS NOT NULL AS \"pk?\","
                    + " COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST(\"c\".\"table_schema\" AS TEXT),"
                    + " CAST(\"c\".\"table_name\" AS TEXT)) AS REGCLASS) AS OID), \"c\".\"ordinal_position\")"
                    + " AS \"field-comment\","
                    + " ((\"column_default\" IS NULL) OR (LOWER(\"column_default\") = 'null'))"
                    + " AND (\"is_nullable\" = 'NO') AND NOT (((\"column_default\" IS NOT NULL)"
                    + " AND (\"column_default\" LIKE '%nextval(%')) OR (\"is_identity\" <> 'NO'))"
                    + " AS \"database-required\", ((\"column_default\" IS NOT NULL)"
                    + " AND (\"column_default\" LIKE '%nextval(%')) OR (\"is_identity\" <> 'NO')"
                    + " AS \"database-is-auto-increment\""
                    + " FROM \"information_schema\".\"columns\" AS \"c\""
                    + " LEFT JOIN (SELECT \"tc\".\"table_schema\", \"tc\".\"table_name\", \"kc\".\"column_name\""
                    + " FROM \"information_schema\".\"table_constraints\" AS \"tc\""
                    + " INNER JOIN \"information_schema\".\"key_column_usage\" AS \"kc\""
                    + " ON (\"tc\".\"constraint_name\" = \"kc\".\"constraint_name\")"
                    + " AND (\"tc\".\"table_schema\" = \"kc\".\"table_schema\")"
                    + " AND (\"tc\".\"table_name\" = \"kc\".\"table_name\")"
                    + " WHERE \"tc\".\"constraint_type\" = 'PRIMARY KEY') AS \"pk\""
                    + " ON (\"c\".\"table_schema\" = \"pk\".\"table_schema\")"
                    + " AND (\"c\".\"table_name\" = \"pk\".\"table_name\")"
                    + " AND (\"c\".\"column_name\" = \"pk\".\"column_name\")"
                    + " WHERE c.table_schema" + NOT_SYSTEM + " AND (\"c\".\"table_schema\" IN (?, ?))"
                    + " UNION ALL SELECT \"pa\".\"attname\" AS \"name\","
                    + " CASE WHEN \"ptn\".\"nspname\" IN ('public', 'pg_catalog') THEN FORMAT('%s', \"pt\".\"typname\")"
                    + " ELSE FORMAT('\"%s\".\"%s\"', \"ptn\".\"nspname\", \"pt\".\"typname\") END AS \"database-type\","
                    + " \"pa\".\"attnum\" - 1 AS \"database-position\", \"pn\".\"nspname\" AS \"table-schema\","
                    + " \"pc\".\"relname\" AS \"table-name\", FALSE AS \"pk?\", NULL AS \"field-comment\","
                    + " FALSE AS \"database-required\", FALSE AS \"database-is-auto-increment\""
                    + " FROM \"pg_catalog\".\"pg_class\" AS \"pc\""
                    + " INNER JOIN \"pg_catalog\".\"pg_namespace\" AS \"pn\" ON \"pn\".\"oid\" = \"pc\".\"relnamespace\""
                    + " INNER JOIN \"pg_catalog\".\"pg_attribute\" AS \"pa\" ON \"pa\".\"attrelid\" = \"pc\".\"oid\""
                    + " INNER JOIN \"pg_catalog\".\"pg_type\" AS \"pt\" ON \"pt\".\"oid\" = \"pa\".\"atttypid\""
                    + " INNER JOIN \"pg_catalog\".\"pg_namespace\" AS \"ptn\" ON \"ptn\".\"oid\" = \"pt\".\"typnamespace\""
                    + " WHERE (\"pc\".\"relkind\" = 'm') AND (\"pa\".\"attnum\" >= 1) AND (\"pn\".\"nspname\" IN (?, ?))"
                    + " ORDER BY \"table-schema\" ASC, \"table-name\" ASC, \"database-position\" ASC",
                    "nonsite", "nonsite_meta", "nonsite", "nonsite_meta");
            List<Map<String, Object>> raw = new ArrayList<>();
            for (Map<String, Object> row : found) {
                if ("readings_raw".equals(row.get("table-name"))) {
                    raw.add(row);
                }
            }
            expect("float8".equals(named(raw, "name", "value").get("database-type")), "the type of value");
            expect("timestamptz".equals(named(raw, "name", "data_time").get("database-type")), "an instant");
            Map<String, Object> mn = named(raw, "name", "mn");
            expect(mn.get("field-comment") != null, "the comment of mn: " + mn);
            expect(Boolean.FALSE.equals(mn.get("pk?")), "no key");
        });
        check("enums", () -> expect(rows(on, "SELECT nspname, typname FROM pg_type t"
                + " JOIN pg_namespace n ON n.oid = t.typnamespace"
                + " WHERE t.oid IN (SELECT DISTINCT enumtypid FROM pg_enum e)").isEmpty(), "no enums"));
    }

    private static void keys(Connection on) {
        check("foreign_keys", () -> expect(rows(on, "SELECT \"fk_ns\".\"nspname\" AS \"fk-table-schema\","
                + " \"fk_table\".\"relname\" AS \"fk-table-name\", \"fk_column\".\"attname\" AS \"fk-column-name\","
                + " \"pk_ns\".\"nspname\" AS \"pk-table-schema\", \"pk_table\".\"relname\" AS \"pk-table-name\","
                + " \"pk_column\".\"attname\" AS \"pk-column-name\" FROM \"pg_constraint\" AS \"c\""
                + " INNER JOIN \"pg_class\" AS \"fk_table\" ON \"c\".\"conrelid\" = \"fk_table\".\"oid\""
                + " INNER JOIN \"pg_namespace\" AS \"fk_ns\" ON \"c\".\"connamespace\" = \"fk_ns\".\"oid\""
                + " INNER JOIN \"pg_attribute\" AS \"fk_column\" ON \"c\".\"conrelid\" = \"fk_column\".\"attrelid\""
                + " INNER JOIN \"pg_class\" AS \"pk_table\" ON \"c\".\"confrelid\" = \"pk_table\".\"oid\""
                + " INNER JOIN \"pg_namespace\" AS \"pk_ns\" ON \"pk_table\".\"relnamespace\" = \"pk_ns\".\"oid\""
                + " INNER JOIN \"pg_attribute\" AS \"pk_column\" ON \"c\".\"confrelid\" = \"pk_column\".\"attrelid\""
                + " WHERE fk_ns.nspname" + NOT_SYSTEM + " AND (\"c\".\"contype\" = 'f'::char)"
                + " AND (\"fk_column\".\"attnum\" = ANY(c.conkey)) AND (\"pk_column\".\"attnum\" = ANY(c.confkey))"
                + " AND (\"fk_ns\".\"nspname\" IN (?))"
                + " ORDER BY \"fk-table-schema\" ASC, \"fk-table-name\" ASC", "nonsite").isEmpty(), "no keys"));
        check("indexes", () -> expect(rows(on, "SELECT \"tmp\".\"table-schema\", \"tmp\".\"table-name\","
                + " TRIM(BOTH '\"' FROM PG_CATALOG.PG_GET_INDEXDEF(\"tmp\".\"ci_oid\", \"tmp\".\"pos\", FALSE))"
                + " AS \"field-name\" FROM (SELECT \"n\".\"nspname\" AS \"table-schema\","
                + " \"ct\".\"relname\" AS \"table-name\", \"ci\".\"oid\" AS \"ci_oid\","
                + " (INFORMATION_SCHEMA._PG_EXPANDARRAY(\"i\".\"indkey\")).n AS \"pos\""
                + " FROM \"pg_catalog\".\"pg_class\" AS \"ct\""
                + " INNER JOIN \"pg_catalog\".\"pg_namespace\" AS \"n\" ON \"ct\".\"relnamespace\" = \"n\".\"oid\""
                + " INNER JOIN \"pg_catalog\".\"pg_index\" AS \"i\" ON \"ct\".\"oid\" = \"i\".\"indrelid\""
                + " INNER JOIN \"pg_catalog\".\"pg_class\" AS \"ci\" ON \"ci\".\"oid\" = \"i\".\"indexrelid\""
                + " WHERE (PG_CATALOG.PG_GET_EXPR(\"i\".\"indpred\", \"i\".\"indrelid\") IS NULL)"
                + " AND n.nspname" + NOT_SYSTEM + " AND (\"n\".\"nspname\" IN (?))) AS \"tmp\""
                + " WHERE \"tmp\".\"pos\" = 1", "nonsite").isEmpty(), "no indexes"));
    }

    private static void questions(Connection on) {
        check("a_probe_of_a_table", () -> expect(rows(on,
                "SELECT TRUE AS \"_\" FROM \"nonsite\".\"readings\" WHERE 1 <> 1 LIMIT 0").isEmpty(), "no rows"));
        check("a_sample_for_the_fingerprint", () -> expect(rows(on,
                "SELECT \"nonsite\".\"readings\".\"mn\" AS \"mn\", \"nonsite\".\"readings\".\"value\" AS \"value\","
                + " SUBSTRING(\"nonsite\".\"readings\".\"flag\", 1, 1234) AS \"flag\""
                + " FROM \"nonsite\".\"readings\" LIMIT 100").size() == 100, "a hundred rows"));
        for (String unit : List.of("minute", "hour", "day", "week", "month", "quarter", "year")) {
            check("by_" + unit, () -> expect(!rows(on, "SELECT \"source\".\"data_time\" AS \"data_time\","
                    + " COUNT(*) AS \"count\" FROM (SELECT DATE_TRUNC('" + unit + "', \"nonsite\".\"readings\".\"data_time\")"
                    + " AS \"data_time\" FROM \"nonsite\".\"readings\") AS \"source\""
                    + " GROUP BY \"source\".\"data_time\" ORDER BY \"source\".\"data_time\" ASC").isEmpty(), "rows"));
        }
        check("by_hour_of_day", () -> expect(!rows(on, "SELECT"
                + " CAST(extract(hour from \"nonsite\".\"readings\".\"data_time\") AS integer) AS \"h\","
                + " PERCENTILE_CONT(0.5) within group (order by \"nonsite\".\"readings\".\"value\") AS \"median\""
                + " FROM \"nonsite\".\"readings\" GROUP BY"
                + " CAST(extract(hour from \"nonsite\".\"readings\".\"data_time\") AS integer) ORDER BY 1").isEmpty(), "rows"));
        check("the_last_days", () -> rows(on, "SELECT COUNT(*) AS \"count\" FROM \"nonsite\".\"readings\""
                + " WHERE (\"nonsite\".\"readings\".\"data_time\""
                + " >= DATE_TRUNC('day', (NOW() + INTERVAL '-30 day')))"
                + " AND (\"nonsite\".\"readings\".\"data_time\" < DATE_TRUNC('day', NOW()))"
                + " AND (\"nonsite\".\"readings\".\"mn\" LIKE ?)", "%0%"));
    }

    private static Map<String, Object> named(List<Map<String, Object>> rows, String column, String name) {
        for (Map<String, Object> row : rows) {
            if (name.equals(row.get(column))) {
                return row;
            }
        }
        throw new AssertionError("expected " + name + " among " + rows.size() + " rows");
    }
}
