//! Servers of before go on while a newer one changes the tables: what they ask for is still understood.

use super::server::PostgresServer;
use super::takeover::node;
use super::*;

/// All statements of the servers that work with tables of these versions, as they were. Never changed; one more with each version.
const FORMER: [(&str, &str); 3] = [
    ("2", include_str!("statements/version_2.sql")),
    ("3", include_str!("statements/version_3.sql")),
    ("5", include_str!("statements/version_5.sql")),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_of_former_versions_work_on_the_tables_of_today() {
    let server = PostgresServer::start();
    let store = node(&server, std::time::Duration::from_secs(60)).await;
    let session = Session::open(&store.shared.settings).await.unwrap();
    for (version, statements) in FORMER {
        let mut count = 0;
        for (place, sql) in statements
            .split("-- ")
            .skip(1)
            .filter_map(|one| one.split_once('\n'))
        {
            for sql in sql.split(';').map(str::trim).filter(|sql| !sql.is_empty()) {
                let refused = session.client.prepare(sql).await.err();
                assert!(refused.is_none(), "version {version}, {place}: {refused:?}");
            }
            count += 1;
        }
        assert!(count > 100, "{count}");
    }
    store.close().await;
}
