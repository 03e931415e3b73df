import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/**
 * What the checks of the JDBC drivers share. Every check prints "ok NAME" or "FAILED NAME: why"; the exit
 * code is 1 when one failed.
 */
abstract class Checks {
    interface Check {
        void run() throws Exception;
    }

    private static int failed;

    static Properties login() {
        Properties login = new Properties();
        login.setProperty("user", System.getenv("NONSITE_TEST_USER"));
        login.setProperty("password", System.getenv("NONSITE_TEST_PASSWORD"));
        return login;
    }

    /** A connection of the PostgreSQL driver. */
    static Connection postgresql() throws SQLException {
        String url = "jdbc:postgresql://" + System.getenv("NONSITE_TEST_PG") + "/nonsite";
        return DriverManager.getConnection(url, login());
    }

    static void exit() {
        System.exit(failed == 0 ? 0 : 1);
    }

    /** The single value of a query. */
    static Object one(Connection on, String sql) throws SQLException {
        try (Statement statement = on.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            expect(rows.next(), "a row of " + sql);
            return rows.getObject(1);
        }
    }

    /** The texts of one column, every other column read as well. */
    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> found = new ArrayList<>();
        try (rows) {
            while (rows.next()) {
                for (int at = 1; at <= rows.getMetaData().getColumnCount(); at++) {
                    rows.getObject(at);
                }
                found.add(rows.getString(name));
            }
        }
        return found;
    }

    static void none(ResultSet rows) throws SQLException {
        try (rows) {
            expect(!rows.next(), "no rows");
        }
    }

    static void holds(List<String> found, String one) {
        expect(found.contains(one), one + " among " + found);
    }

    static void expect(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError("expected " + what);
        }
    }

    static void check(String name, Check check) {
        try {
            check.run();
            System.out.println("ok " + name);
        } catch (Exception | AssertionError error) {
            failed++;
            System.out.println("FAILED " + name + ": " + error.getMessage());
        }
    }
}
