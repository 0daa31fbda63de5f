// Asks a running node by PostgreSQL's JDBC driver.
//
// usage: java -cp postgresql.jar Jdbc.java HOST:PORT
//
// The node runs the small project of xtask/src/clients/postgres.rs, with 500 orders. A line `ok …` is a check that
// passed; the first that fails ends the program.

import java.io.StringReader;
import java.math.BigDecimal;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Timestamp;
import java.sql.Types;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Properties;

import org.postgresql.PGConnection;

public class Jdbc {
    static void check(String what, Object found, Object wanted) {
        if (!Objects.equals(found, wanted)) {
            System.out.println("FAILED " + what + ": found " + found + ", wanted " + wanted);
            System.exit(1);
        }
        System.out.println("ok " + what);
    }

    static Connection connect(String address, String... options) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", "me");
        for (int at = 0; at < options.length; at += 2) {
            properties.setProperty(options[at], options[at + 1]);
        }
        return DriverManager.getConnection("jdbc:postgresql://" + address + "/shop", properties);
    }

    static List<String> rows(ResultSet found, String... columns) throws SQLException {
        List<String> rows = new ArrayList<>();
        while (found.next()) {
            List<String> row = new ArrayList<>();
            for (String column : columns) {
                row.add(found.getString(column));
            }
            rows.add(String.join(" ", row.stream().map(String::valueOf).toList()));
        }
        return rows;
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        try (Connection connection = connect(address)) {
            metadata(connection);
            values(connection, "extended");
            portions(connection);
            errors(connection);
            changes(connection);
        }
        // Statements are prepared on the server, and values go in binary, from the first execution on.
        try (Connection connection = connect(address, "prepareThreshold", "-1", "binaryTransfer", "true")) {
            values(connection, "binary");
            portions(connection);
        }
        try (Connection connection = connect(address, "preferQueryMode", "simple")) {
            values(connection, "simple");
        }
    }

    static void metadata(Connection connection) throws SQLException {
        DatabaseMetaData about = connection.getMetaData();
        check("product", about.getDatabaseProductName(), "PostgreSQL");
        check("valid", connection.isValid(5), true);
        check("catalogs", rows(about.getCatalogs(), "TABLE_CAT"), List.of("shop"));
        check("schemas", rows(about.getSchemas(), "TABLE_SCHEM").containsAll(List.of("archive", "public", "system")), true);
        check("tables", rows(about.getTables(null, "public", "%", null), "TABLE_NAME", "TABLE_TYPE"),
                List.of("by_category_pkey INDEX", "by_category MATERIALIZED VIEW", "orders TABLE"));
        check("tables by type", rows(about.getTables("shop", "public", "ord%", new String[] {"TABLE"}), "TABLE_NAME"),
                List.of("orders"));
        check("table types", rows(about.getTableTypes(), "TABLE_TYPE").contains("TABLE"), true);
        check("columns", rows(about.getColumns(null, "public", "orders", "%"),
                "COLUMN_NAME", "TYPE_NAME", "DATA_TYPE", "COLUMN_SIZE", "DECIMAL_DIGITS", "IS_NULLABLE", "ORDINAL_POSITION"),
                List.of("order_id int8 " + Types.BIGINT + " 19 0 NO 1", "category text " + Types.VARCHAR + " 2147483647 0 YES 2",
                        "price numeric " + Types.NUMERIC + " 10 2 YES 3",
                        "ordered_at timestamptz " + Types.TIMESTAMP + " 35 6 NO 4"));
        check("types", rows(about.getTypeInfo(), "TYPE_NAME").containsAll(List.of("int8", "text", "timestamptz")), true);
        check("no primary key", rows(about.getPrimaryKeys(null, "public", "orders"), "COLUMN_NAME"), List.of());
        check("no index", rows(about.getIndexInfo(null, "public", "orders", false, true), "INDEX_NAME"), List.of());
        keys(connection, about);
        check("no foreign keys", rows(about.getImportedKeys(null, "public", "orders"), "FKCOLUMN_NAME"), List.of());
        check("no rights", rows(about.getTablePrivileges(null, "public", "orders"), "TABLE_NAME").isEmpty(), false);
        check("no procedures", rows(about.getProcedures(null, "public", "%"), "PROCEDURE_NAME"), List.of());
        check("no best row", rows(about.getBestRowIdentifier(null, "public", "orders", 0, true), "COLUMN_NAME"), List.of());
        try (ResultSet found = connection.createStatement().executeQuery("SELECT order_id, price FROM orders LIMIT 1")) {
            check("columns of a query", found.getMetaData().getColumnTypeName(1) + " " + found.getMetaData().getPrecision(2)
                    + " " + found.getMetaData().getScale(2), "int8 10 2");
            check("nullable", found.getMetaData().isNullable(2) != 99, true);
        }
    }

    static void keys(Connection connection, DatabaseMetaData about) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE TABLE jdbc_keyed (name VARCHAR, \"Shop\" VARCHAR, id BIGINT, PRIMARY KEY (id, \"Shop\"))");
            statement.execute("COMMENT ON TABLE jdbc_keyed IS 'what is sold'");
            statement.execute("COMMENT ON COLUMN jdbc_keyed.id IS 'as printed on it'");
            check("primary key", rows(about.getPrimaryKeys(null, "public", "jdbc_keyed"), "COLUMN_NAME", "KEY_SEQ", "PK_NAME"),
                    List.of("id 1 jdbc_keyed_pkey", "Shop 2 jdbc_keyed_pkey"));
            check("primary key of a view", rows(about.getPrimaryKeys(null, null, "by_category"), "TABLE_SCHEM", "COLUMN_NAME", "PK_NAME"),
                    List.of("public category by_category_pkey"));
            check("index", rows(about.getIndexInfo(null, "public", "jdbc_keyed", true, true),
                    "NON_UNIQUE", "INDEX_NAME", "ORDINAL_POSITION", "COLUMN_NAME", "ASC_OR_DESC"),
                    List.of("f jdbc_keyed_pkey 1 id A", "f jdbc_keyed_pkey 2 Shop A"));
            check("best row", rows(about.getBestRowIdentifier(null, "public", "jdbc_keyed", 0, true), "COLUMN_NAME").stream().sorted().toList(),
                    List.of("Shop", "id"));
            check("comment", rows(about.getTables(null, "public", "jdbc_keyed", null), "REMARKS"), List.of("what is sold"));
            check("comments on columns", rows(about.getColumns(null, "public", "jdbc_keyed", "%"), "COLUMN_NAME", "REMARKS"),
                    List.of("name null", "Shop null", "id as printed on it"));
            statement.execute("DROP TABLE jdbc_keyed");
        }
    }

    static void values(Connection connection, String how) throws SQLException {
        OffsetDateTime noon = OffsetDateTime.of(2024, 1, 1, 12, 0, 0, 123_456_000, ZoneOffset.UTC);
        Object[] values = {true, 5, 1L << 40, 1.5, new BigDecimal("12.345"), "x'y\\z", LocalDate.of(2024, 2, 29)};
        try (PreparedStatement statement = connection.prepareStatement("SELECT ?")) {
            for (Object value : values) {
                for (int time = 0; time < 7; time++) {
                    statement.setObject(1, value);
                    try (ResultSet found = statement.executeQuery()) {
                        found.next();
                        Object back = value instanceof LocalDate ? found.getObject(1, LocalDate.class) : found.getObject(1);
                        if (value instanceof BigDecimal decimal) {
                            check(how + " " + value, decimal.compareTo((BigDecimal) back), 0);
                        } else {
                            check(how + " " + value, back, value);
                        }
                    }
                }
            }
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT count(*) FROM orders WHERE ordered_at >= ? AND price > ? AND category <> ?")) {
            for (int time = 0; time < 7; time++) {
                statement.setTimestamp(1, Timestamp.from(OffsetDateTime.parse("2024-01-01T00:00:30Z").toInstant()));
                statement.setBigDecimal(2, new BigDecimal("100"));
                statement.setString(3, "c1");
                try (ResultSet found = statement.executeQuery()) {
                    found.next();
                    check(how + " parameters in a query", found.getLong(1), 179L);
                }
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("SELECT CAST(? AS TIMESTAMP) AS at, CAST(? AS BYTEA) AS b")) {
            for (int time = 0; time < 7; time++) {
                statement.setObject(1, noon);
                statement.setBytes(2, new byte[] {0, -1, 92});
                try (ResultSet found = statement.executeQuery()) {
                    found.next();
                    check(how + " a time", found.getObject("at", OffsetDateTime.class), noon);
                    // In the simple mode the driver writes bytes as a text of PostgreSQL's, which is not our language.
                    if (!how.equals("simple")) {
                        check(how + " bytes", Arrays.toString(found.getBytes("b")), "[0, -1, 92]");
                    }
                }
            }
        }
        try (ResultSet found = connection.createStatement().executeQuery("SELECT array_agg(order_id ORDER BY order_id) FROM orders WHERE order_id < 3")) {
            found.next();
            check(how + " an array", Arrays.toString((Object[]) found.getArray(1).getArray()), "[0, 1, 2]");
        }
    }

    static void portions(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement("SELECT order_id FROM orders ORDER BY order_id")) {
            statement.setFetchSize(70);
            for (int time = 0; time < 7; time++) {
                long sum = 0;
                int count = 0;
                try (ResultSet found = statement.executeQuery()) {
                    while (found.next()) {
                        sum += found.getLong(1);
                        count++;
                    }
                }
                check("rows in portions", count + " " + sum, "500 124750");
            }
        }
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void errors(Connection connection) throws SQLException {
        String[][] cases = {
            {"SELECT nothing FROM orders", "42703"}, {"SELECT * FROM nowhere", "42P01"}, {"SELEC 1", "42601"},
            {"SELECT 1 / 0", "22012"}, {"SELECT CAST('x' AS BIGINT)", "22P02"}, {"CALL f()", "0A000"},
        };
        for (String[] each : cases) {
            try (Statement statement = connection.createStatement()) {
                statement.executeQuery(each[0]);
                check(each[0], "taken", "refused");
            } catch (SQLException refused) {
                check(each[0], refused.getSQLState(), each[1]);
            }
        }
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(1);
            statement.executeQuery("SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b");
            check("a time limit", "none", "57014");
        } catch (SQLException refused) {
            check("a time limit", refused.getSQLState(), "57014");
        }
    }

    static void changes(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            statement.execute("CREATE STREAM jdbc (id BIGINT NOT NULL, name VARCHAR) WITH (format = 'json')");
            statement.execute("CREATE TABLE jdbc_goods (good_id BIGINT PRIMARY KEY, name VARCHAR)");
        }
        try (PreparedStatement statement = connection.prepareStatement("INSERT INTO jdbc VALUES (?, ?)")) {
            for (int id = 0; id < 10; id++) {
                statement.setLong(1, id);
                statement.setString(2, "n" + id);
                statement.addBatch();
            }
            check("a batch", Arrays.toString(statement.executeBatch()), "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]");
            statement.setNull(1, Types.BIGINT);
            statement.setString(2, "x");
            statement.addBatch();
            statement.executeBatch();
            check("NULL where none may be", "taken", "refused");
        } catch (BatchUpdateException refused) {
            check("NULL where none may be", refused.getSQLState(), "23502");
        }
        long copied = connection.unwrap(PGConnection.class).getCopyAPI()
                .copyIn("COPY jdbc FROM STDIN (FORMAT csv)", new StringReader("100,a\n101,b\n"));
        check("COPY", copied, 2L);
        try (Statement statement = connection.createStatement()) {
            try (ResultSet found = statement.executeQuery("SELECT count(*), max(name) FROM jdbc")) {
                found.next();
                check("what was written", found.getLong(1) + " " + found.getString(2), "12 n9");
            }
            check("an update count", statement.executeUpdate("INSERT INTO jdbc_goods VALUES (1, 'a'), (2, 'b')"), 2);
            try {
                statement.executeUpdate("INSERT INTO jdbc_goods VALUES (1, 'a')");
                check("a key twice", "taken", "refused");
            } catch (SQLException refused) {
                check("a key twice", refused.getSQLState(), "23505");
            }
            statement.execute("DROP TABLE jdbc_goods");
            statement.execute("DROP STREAM jdbc");
        }
    }
}
