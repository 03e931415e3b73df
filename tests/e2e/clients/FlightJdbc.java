import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;

/**
 * Everyday calls of Arrow's JDBC driver for Flight SQL against a running server: the questions about the
 * catalogue a database tool asks, and results in bulk.
 *
 * <p>Where to connect stands in NONSITE_TEST_FLIGHT (host:port), NONSITE_TEST_USER and NONSITE_TEST_PASSWORD.
 */
public final class FlightJdbc extends Checks {
    public static void main(String[] args) throws Exception {
        try (Connection on = flight(login())) {
            tree(on.getMetaData());
            queries(on);
        }
        check("a_wrong_password", () -> {
            Properties login = login();
            login.setProperty("password", "wrong");
            try (Connection on = flight(login)) {
                one(on, "SELECT 1");
            } catch (SQLException refused) {
                return;
            }
            throw new AssertionError("let in");
        });
        exit();
    }

    private static Connection flight(Properties login) throws SQLException {
        login.setProperty("useEncryption", "false");
        String url = "jdbc:arrow-flight-sql://" + System.getenv("NONSITE_TEST_FLIGHT");
        return DriverManager.getConnection(url, login);
    }

    private static void tree(DatabaseMetaData meta) {
        check("product", () -> {
            expect("nonsite".equals(meta.getDatabaseProductName()), meta.getDatabaseProductName());
            expect(meta.getDatabaseProductVersion() != null, "a version");
            expect(meta.isReadOnly(), "read-only");
            expect("\"".equals(meta.getIdentifierQuoteString()), meta.getIdentifierQuoteString());
        });
        check("catalogs", () -> holds(column(meta.getCatalogs(), "TABLE_CAT"), "nonsite"));
        check("schemas", () -> {
            List<String> schemas = column(meta.getSchemas(), "TABLE_SCHEM");
            holds(schemas, "nonsite");
            holds(schemas, "nonsite_meta");
            holds(column(meta.getSchemas("nonsite", "non%meta"), "TABLE_SCHEM"), "nonsite_meta");
        });
        check("table_types", () -> holds(column(meta.getTableTypes(), "TABLE_TYPE"), "VIEW"));
        check("tables", () -> {
            String[] kinds = {"TABLE", "VIEW"};
            holds(column(meta.getTables(null, "nonsite", "%", kinds), "TABLE_NAME"), "readings");
            List<String> found = column(meta.getTables(null, "nonsite", "readings\\_raw", null), "TABLE_NAME");
            expect(found.equals(List.of("readings_raw")), "one table: " + found);
            found = column(meta.getTables(null, null, "query_log", null), "TABLE_SCHEM");
            expect(found.equals(List.of("nonsite_meta")), "its schema: " + found);
        });
        check("columns", () -> {
            holds(column(meta.getColumns(null, "nonsite", "readings_raw", "%"), "COLUMN_NAME"), "data_time");
            List<String> kinds = column(meta.getColumns(null, "nonsite", "readings_raw", "value"), "TYPE_NAME");
            expect(kinds.size() == 1, "the type of value: " + kinds);
        });
        check("keys", () -> {
            none(meta.getPrimaryKeys(null, "nonsite", "readings_raw"));
            none(meta.getImportedKeys(null, "nonsite", "readings_raw"));
            none(meta.getExportedKeys(null, "nonsite", "readings_raw"));
            none(meta.getCrossReference(null, "nonsite", "readings_raw", null, "nonsite", "permits"));
        });
        check("type_info", () -> column(meta.getTypeInfo(), "TYPE_NAME"));
        check("words", () -> {
            meta.getSQLKeywords();
            meta.getNumericFunctions();
            meta.getStringFunctions();
            meta.getTimeDateFunctions();
            expect(!meta.supportsTransactions() || meta.getDefaultTransactionIsolation() >= 0, "transactions");
        });
    }

    private static void queries(Connection on) {
        check("in_bulk", () -> {
            String sql = "SELECT mn, factor, data_time, value, date, resend FROM readings_raw";
            long count = 0;
            double sum = 0;
            try (Statement statement = on.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
                while (rows.next()) {
                    count++;
                    sum += rows.getDouble("value");
                    if (count == 1) {
                        expect(rows.getString("mn") != null, "a text");
                        expect(rows.getTimestamp("data_time") != null, "an instant");
                        expect(rows.getDate("date") != null, "a day");
                        expect(rows.getObject("resend") instanceof Boolean, "a truth value");
                    }
                }
            }
            Object wanted = one(on, "SELECT count(*) FROM readings_raw");
            expect(count == ((Number) wanted).longValue(), wanted + " rows and not " + count);
            double total = ((Number) one(on, "SELECT sum(value) FROM readings_raw")).doubleValue();
            expect(Math.abs(total - sum) <= 1e-9 * Math.abs(total), total + " and not " + sum);
        });
        check("prepared", () -> {
            String sql = "SELECT count(*) FROM readings_raw WHERE factor = ? AND value > ?";
            try (PreparedStatement statement = on.prepareStatement(sql)) {
                expect(statement.getParameterMetaData().getParameterCount() == 2, "two parameters");
                for (int time = 0; time < 3; time++) {
                    statement.setString(1, "a21026");
                    statement.setDouble(2, 0.0);
                    try (ResultSet rows = statement.executeQuery()) {
                        expect(rows.next() && rows.getLong(1) > 0, "a count");
                    }
                }
            }
        });
        check("no_write", () -> {
            try (Statement statement = on.createStatement()) {
                statement.execute("DELETE FROM readings_raw");
            } catch (SQLException refused) {
                return;
            }
            throw new AssertionError("not refused");
        });
        check("an_error_leaves_the_connection_usable", () -> {
            try {
                one(on, "SELECT nope FROM readings");
                throw new AssertionError("there is no such column");
            } catch (SQLException wrong) {
                expect(((Number) one(on, "SELECT 1")).intValue() == 1, "an answer");
            }
        });
        check("is_valid", () -> expect(on.isValid(5), "still connected"));
    }
}
