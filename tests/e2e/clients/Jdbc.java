import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.OffsetDateTime;
import java.util.List;

/**
 * Everyday calls of the PostgreSQL JDBC driver against a running server: queries, and the questions about
 * the catalogue that database tools ask when they draw their tree of tables.
 *
 * <p>Where to connect stands in NONSITE_TEST_PG (host:port), NONSITE_TEST_USER and NONSITE_TEST_PASSWORD.
 */
public final class Jdbc extends Checks {
    public static void main(String[] args) throws Exception {
        try (Connection on = postgresql()) {
            tree(on.getMetaData());
            keys(on.getMetaData());
            queries(on);
        }
        exit();
    }

    /** What a tool draws: schemas, tables and views with comments, columns with types and comments. */
    private static void tree(DatabaseMetaData meta) {
        check("schemas", () -> holds(column(meta.getSchemas(), "TABLE_SCHEM"), "nonsite"));
        check("catalogs", () -> holds(column(meta.getCatalogs(), "TABLE_CAT"), "nonsite"));
        check("table_types", () -> holds(column(meta.getTableTypes(), "TABLE_TYPE"), "VIEW"));
        check("tables", () -> {
            String[] kinds = {"TABLE", "VIEW"};
            holds(column(meta.getTables(null, "nonsite", "%", kinds), "TABLE_NAME"), "readings");
            List<String> told = column(meta.getTables(null, "nonsite", "readings_raw", kinds), "REMARKS");
            expect(told.size() == 1 && told.get(0) != null, "the table's comment: " + told);
        });
        check("columns", () -> {
            holds(column(meta.getColumns(null, "nonsite", "readings_raw", "%"), "COLUMN_NAME"), "data_time");
            List<String> kinds = column(meta.getColumns(null, "nonsite", "readings_raw", "value"), "TYPE_NAME");
            expect(kinds.equals(List.of("float8")), "the type of value: " + kinds);
            List<String> told = column(meta.getColumns(null, "nonsite", "readings_raw", "mn"), "REMARKS");
            expect(told.size() == 1 && told.get(0) != null, "the column's comment: " + told);
        });
        check("types", () -> holds(column(meta.getTypeInfo(), "TYPE_NAME"), "float8"));
        check("functions", () -> column(meta.getFunctions(null, "nonsite", "%"), "FUNCTION_NAME"));
        check("procedures", () -> column(meta.getProcedures(null, "nonsite", "%"), "PROCEDURE_NAME"));
        check("rights", () -> column(meta.getTablePrivileges(null, "nonsite", "readings_raw"), "GRANTEE"));
    }

    /** There are no keys and no indexes, and that is an answer. */
    private static void keys(DatabaseMetaData meta) {
        String table = "readings_raw";
        check("primary_key", () -> none(meta.getPrimaryKeys(null, "nonsite", table)));
        check("imported_keys", () -> none(meta.getImportedKeys(null, "nonsite", table)));
        check("exported_keys", () -> none(meta.getExportedKeys(null, "nonsite", table)));
        check("indexes", () -> none(meta.getIndexInfo(null, "nonsite", table, false, false)));
        check("best_row", () -> none(meta.getBestRowIdentifier(null, "nonsite", table, 0, true)));
    }

    private static void queries(Connection on) {
        check("values", () -> {
            String sql = "SELECT mn, data_time, value, date, resend FROM readings_raw"
                    + " WHERE value IS NOT NULL LIMIT 1";
            try (Statement statement = on.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
                expect(rows.next(), "a row");
                expect(rows.getObject(2, OffsetDateTime.class) != null, "an instant");
                expect(rows.getObject(3) instanceof Double, "a number: " + rows.getObject(3).getClass());
                expect(rows.getDate(4) != null, "a day");
                expect(rows.getObject(5) instanceof Boolean, "a truth value");
            }
        });
        check("prepared", () -> {
            String sql = "SELECT count(*) FROM readings_raw WHERE factor = ? AND value > ? AND data_time >= ?";
            try (PreparedStatement statement = on.prepareStatement(sql)) {
                // From the fifth time on the driver prepares on the server.
                for (int time = 0; time < 8; time++) {
                    statement.setString(1, "a21026");
                    statement.setDouble(2, 0.0);
                    statement.setObject(3, OffsetDateTime.parse("2020-01-01T00:00:00Z"));
                    try (ResultSet rows = statement.executeQuery()) {
                        expect(rows.next() && rows.getLong(1) > 0, "a count");
                    }
                }
            }
        });
        check("described", () -> {
            try (PreparedStatement statement =
                    on.prepareStatement("SELECT mn, data_time, value FROM readings WHERE mn = ?")) {
                ResultSetMetaData columns = statement.getMetaData();
                expect(columns.getColumnTypeName(2).equals("timestamptz"), columns.getColumnTypeName(2));
                expect(statement.getParameterMetaData().getParameterCount() == 1, "one parameter");
            }
        });
        check("a_list_as_a_value", () -> {
            String sql = "SELECT count(*) FROM readings_raw WHERE factor = ANY(?) AND date = ANY(?)";
            try (PreparedStatement statement = on.prepareStatement(sql)) {
                Object day = one(on, "SELECT max(date) FROM readings_raw WHERE factor = 'a21026'");
                statement.setArray(1, on.createArrayOf("text", new String[] {"a21026", "a21002"}));
                statement.setArray(2, on.createArrayOf("date", new Object[] {day}));
                try (ResultSet rows = statement.executeQuery()) {
                    expect(rows.next() && rows.getLong(1) > 0, "a count");
                }
            }
        });
        check("in_portions", () -> {
            on.setAutoCommit(false);
            try (Statement statement = on.createStatement()) {
                statement.setFetchSize(100);
                int count = 0;
                try (ResultSet rows = statement.executeQuery("SELECT mn FROM readings_raw LIMIT 1000")) {
                    while (rows.next()) {
                        count++;
                    }
                }
                expect(count == 1000, "1000 rows and not " + count);
            } finally {
                on.commit();
                on.setAutoCommit(true);
            }
        });
        check("no_write", () -> {
            try (Statement statement = on.createStatement()) {
                statement.executeUpdate("DELETE FROM readings_raw");
            } catch (SQLException refused) {
                expect("25006".equals(refused.getSQLState()), refused.getSQLState());
                return;
            }
            throw new AssertionError("not refused");
        });
        check("is_valid", () -> {
            on.setReadOnly(true);
            on.setReadOnly(false);
            expect(on.isValid(5), "still connected");
        });
    }
}
