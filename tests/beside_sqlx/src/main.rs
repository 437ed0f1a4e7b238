//! A host's own table by sqlx, and sspr's store, in one process on one SQLite file.

use sspr::adapters::{PostgresOptions, SqliteStore};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join(format!("beside-sqlx-{}.db", std::process::id()));
    let store = SqliteStore::open(&file).await?;
    let own = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await?;
    sqlx::query("CREATE TABLE mine (id INTEGER PRIMARY KEY)").execute(&own).await?;
    let (both,): (i64,) =
        sqlx::query_as("SELECT count(*) FROM sqlite_schema WHERE name IN ('mine', 'sspr_record')")
            .fetch_one(&own)
            .await?;
    own.close().await;
    drop(store);
    std::fs::remove_file(&file)?;
    // Both Postgres drivers are linked, too; neither has a server here.
    let url = "postgres://nobody@127.0.0.1:1/nowhere";
    let options = PostgresOptions::from_url(url)?;
    let refused = sqlx::PgPool::connect(url).await.is_err()
        && sspr::adapters::PostgresStore::open(&options).await.is_err();
    println!("{both} tables in one file; no server, said both: {refused}");
    if both == 2 && refused { Ok(()) } else { Err("not beside each other".into()) }
}
