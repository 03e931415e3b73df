use super::*;

#[tokio::test]
async fn a_query_can_read_and_nothing_else() {
    let store = tempfile::tempdir().expect("folder");
    let session = open(store.path(), &Config::default())
        .await
        .expect("session");
    let batches = session
        .read("SELECT count(*) AS n FROM readings")
        .await
        .expect("reads");
    assert_eq!(render::csv(&batches).expect("csv"), "n\n0\n");
    assert_eq!(
        render::json(&batches).expect("json"),
        "[\n  {\n    \"n\": 0\n  }\n]"
    );
    for refused in [
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW readings",
        "INSERT INTO anomalies SELECT * FROM anomalies",
        "COPY readings TO '/tmp/nonsite-must-not-exist.csv'",
        "SET datafusion.execution.batch_size = 1",
    ] {
        assert!(session.read(refused).await.is_err(), "{refused}");
    }
    let empty = session
        .read("SELECT mn, value FROM readings")
        .await
        .expect("reads");
    assert_eq!(render::csv(&empty).expect("csv"), "mn,value\n");
}

#[tokio::test]
async fn a_question_about_an_unknown_table_is_told_which_there_are() {
    let store = tempfile::tempdir().expect("folder");
    let session = open(store.path(), &Config::default())
        .await
        .expect("session");
    for (sql, name) in [
        ("SELECT * FROM nope", "nope"),
        (
            "SELECT * FROM readings r JOIN far.away a ON a.mn = r.mn",
            "datafusion.far.away",
        ),
    ] {
        let error = session.read(sql).await.expect_err(sql).to_string();
        assert!(error.contains(&format!("`{name}`")), "{error}");
        assert!(error.contains("hourly, "), "{error}");
    }
    let error = session.read("SELECT nope FROM readings").await;
    let error = error.expect_err("no such column").to_string();
    assert!(
        error.contains("nope") && error.contains("data_time"),
        "{error}"
    );
}

#[tokio::test]
async fn every_table_and_view_can_be_read_when_there_is_nothing() {
    let store = tempfile::tempdir().expect("folder");
    let session = open(store.path(), &Config::default())
        .await
        .expect("session");
    let names = all_tables()
        .into_iter()
        .map(|def| def.name)
        .chain(crate::views::VIEWS.map(|(name, _)| name));
    for name in names {
        let batches = session.read(&format!("SELECT * FROM {name} LIMIT 1")).await;
        assert!(batches.is_ok(), "{name}: {batches:?}");
    }
}

/// A mistyped path is told; only a server waits for the folder, and nobody here creates it.
#[tokio::test]
async fn a_folder_that_is_not_there_is_no_empty_store() {
    let folder = tempfile::tempdir().expect("folder");
    let mistyped = folder.path().join("tabels");
    let config = Config::default();
    for refused in [
        open(&mistyped, &config).await.map(drop),
        open_tables(&mistyped, &config).await.map(drop),
        ensure(&mistyped, &tables::anomalies()).await.map(drop),
    ] {
        let error = refused.expect_err("no such folder").to_string();
        assert!(
            error.contains("tabels") && error.contains("store.path"),
            "{error}"
        );
    }
    let count = "SELECT count(*) AS n FROM readings";
    let early = open_early(&mistyped, &config).await.expect("a server");
    let batches = early.read(count).await.expect("reads");
    assert_eq!(render::csv(&batches).expect("csv"), "n\n0\n");
    assert!(!mistyped.exists());
    std::fs::create_dir(&mistyped).expect("folder");
    ensure(&mistyped, &tables::anomalies())
        .await
        .expect("table");
    let session = open(&mistyped, &config).await.expect("session");
    assert_eq!(session.version("anomalies"), 0);
    // A file is no store either.
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("file");
    assert!(open(&file, &config).await.is_err());
}

/// The creator of a table makes the log's folder, then writes the first entry: in between, readers
/// find the beginnings of a log.
#[tokio::test]
async fn a_table_that_is_being_created_is_not_there_yet() {
    let store = tempfile::tempdir().expect("folder");
    let log = store.path().join("readings_raw/_delta_log");
    std::fs::create_dir_all(&log).expect("folder of the log");
    let count = async || {
        let session = open(store.path(), &Config::default()).await?;
        session.read("SELECT count(*) FROM readings_raw").await
    };
    assert!(count().await.is_ok());
    std::fs::write(log.join("_commit_0a.json.tmp"), "{}").expect("file being written");
    assert!(count().await.is_ok());
    // A log with an entry that says nothing is broken, and that is told.
    std::fs::write(log.join(format!("{:020}.json", 0)), "").expect("empty entry");
    let error = count().await.expect_err("a broken log").to_string();
    assert!(error.contains("readings_raw"), "{error}");
}

/// A table of an earlier program gets the columns it lacks, once, whoever comes first.
#[tokio::test]
async fn columns_that_a_table_lacks_are_added() {
    let store = tempfile::tempdir().expect("folder");
    let def = tables::review_cases();
    let columns: Vec<usize> = (0..def.schema.fields().len())
        .filter(|at| def.schema.field(*at).name() != "source_ref")
        .collect();
    let earlier = TableDef {
        schema: Arc::new(def.schema.project(&columns).expect("columns")),
        ..def.clone()
    };
    ensure(store.path(), &earlier).await.expect("table");
    let (one, two) = tokio::join!(ensure(store.path(), &def), ensure(store.path(), &def));
    one.expect("table");
    two.expect("table");
    ensure(store.path(), &def).await.expect("table");
    let session = open(store.path(), &Config::default())
        .await
        .expect("session");
    assert_eq!(session.version("review_cases"), 1);
    let batches = session.read("SELECT source_ref FROM review_cases").await;
    assert_eq!(
        render::csv(&batches.expect("reads")).expect("csv"),
        "source_ref\n"
    );
}

#[test]
fn too_little_memory_is_refused_by_name() {
    let error = Config {
        memory_mb: 1,
        partitions: 0,
        ..Config::default()
    }
    .validate()
    .unwrap_err()
    .to_string();
    assert!(error.contains("session.memory_mb"), "{error}");
}
