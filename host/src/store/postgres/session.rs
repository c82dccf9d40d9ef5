//! Connections to the database, each with its prepared statements.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt as _;
use parking_lot::Mutex;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, SimpleQueryMessage, Statement};
use tokio_util::task::AbortOnDropHandle;

use super::connect::connect;
use super::connections::READERS;
use super::error::{failed, is_cut};
use super::looks::Look;
use super::settings::PostgresSettings;
use super::stalled::{self, SILENCE};
use crate::store::StoreError;

/// The longest that a statement may take; the server ends it a little earlier.
const ANSWER: Duration = Duration::from_secs(35);
/// The longest that a connection may take to be made.
const GREETING: Duration = Duration::from_secs(5);
/// An attempt to connect that fails after this time is not made again by who waited for it.
const SLOW: Duration = Duration::from_secs(1);

/// The result of a request within that time. After a timeout the connection must not be used any more.
pub(super) async fn in_time<T>(
    most: Duration,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = tokio::time::timeout(most, request).await;
    // The crate has no other way to make the error that it makes of a time that is over.
    answer.unwrap_or_else(|_| Err(Error::__private_api_timeout()))
}

/// Parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// One connection.
pub(super) struct Session {
    pub(super) client: Client,
    prepared: Mutex<HashMap<&'static str, Statement>>,
    driver: AbortOnDropHandle<()>,
    settings: PostgresSettings,
    /// The server's process for this connection.
    pub(super) process: i32,
    /// Is held by the request that asks for the connection's state.
    looking: tokio::sync::Mutex<()>,
}

impl Session {
    /// A new connection that works in the store's schema.
    ///
    /// A statement that takes longer than 30 s is given up, and a transaction in which nothing happens for longer than a
    /// lease is ended by the server: a node that was stopped half way holds up no other node.
    pub(super) async fn open(settings: &PostgresSettings) -> Result<Self, Error> {
        Self::listening(settings, |_| {}).await
    }

    /// The same, with `on_notice` called for each notification. It is dropped when the connection is lost.
    pub(super) async fn listening(
        settings: &PostgresSettings,
        on_notice: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, Error> {
        let (client, driver) = connect(settings, on_notice).await?;
        let mut session = Self {
            client,
            prepared: Mutex::default(),
            driver,
            settings: settings.clone(),
            process: 0,
            looking: tokio::sync::Mutex::default(),
        };
        let (schema, lease) = (&settings.schema, settings.lease.as_millis());
        let answers = session
            .client
            .simple_query(&format!(
                "select pg_backend_pid(); set search_path = {schema}; set statement_timeout = '30s'; set lock_timeout = '10s'; \
                 set idle_in_transaction_session_timeout = {lease}; set client_min_messages = error; \
                 set plan_cache_mode = force_generic_plan; set jit = off; set enable_seqscan = off; \
                 set enable_hashjoin = off; set enable_mergejoin = off; \
                 select set_config('synchronous_commit', 'on', false) \
                 where current_setting('synchronous_commit') = 'off'"
            ))
            .await?;
        let process = answers.iter().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
            _ => None,
        });
        session.process = process.unwrap_or_default();
        Ok(session)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Ends the connection: what waits for an answer gets an error.
    fn cut(&self) {
        self.driver.abort();
    }

    /// The result of a request over this connection, which is ended if it stalls.
    pub(super) async fn watched<F: Future>(&self, request: F) -> F::Output {
        let mut request = pin!(request);
        tokio::select! {
            biased;
            answer = &mut request => return answer,
            () = self.stalled() => {}
        }
        self.cut();
        request.await
    }

    /// Returns when a request that is made now has no answer and the connection stalls. See [`super::stalled`].
    async fn stalled(&self) {
        let (mut silence, mut patience, mut was_unreached) = (SILENCE, SILENCE, false);
        loop {
            tokio::time::sleep(silence).await;
            // One looks for all.
            let Ok(_alone) = self.looking.try_lock() else {
                continue;
            };
            // Boxed, as it is rare and each request would have room for it.
            match Box::pin(stalled::look(&self.settings, self.process)).await {
                // A statement that is at work may take long.
                Look::Working => {
                    patience *= 2;
                    (silence, was_unreached) = (patience, false);
                }
                // Once more soon: a request that has no answer is not to wait for long.
                Look::Unreached if !was_unreached => {
                    (silence, was_unreached) = (SILENCE / 20, true);
                }
                Look::Stalled | Look::Unreached => {
                    tracing::warn!("a connection to PostgreSQL stalls, and is made anew");
                    return;
                }
            }
        }
    }

    /// A statement, prepared once for this connection.
    pub(super) async fn statement(&self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(known) = self.prepared.lock().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.prepared.lock().insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) async fn query(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        let mut take = |row| {
            rows.push(row);
            Ok::<_, Infallible>(())
        };
        match self.each(sql, params, &mut take).await? {
            Ok(()) => Ok(rows),
            Err(never) => match never {},
        }
    }

    /// Gives the rows to `take` one by one; whatever it refuses is the end of it.
    async fn each<E>(
        &self,
        sql: &'static str,
        params: Params<'_>,
        take: &mut (impl FnMut(Row) -> Result<(), E> + Send),
    ) -> Result<Result<(), E>, Error> {
        in_time(ANSWER, async {
            let statement = self.watched(self.statement(sql)).await?;
            let rows = self.client.query_raw(&statement, params.iter().copied());
            let mut rows = pin!(self.watched(rows).await?);
            // Each row shows that it does not stall: the server may have sent all of them long ago.
            while let Some(row) = self.watched(rows.try_next()).await? {
                if let Err(refused) = take(row) {
                    return Ok(Err(refused));
                }
            }
            Ok(Ok(()))
        })
        .await
    }

    pub(super) async fn execute(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<u64, Error> {
        self.watched(in_time(ANSWER, async {
            let statement = self.statement(sql).await?;
            self.client.execute(&statement, params).await
        }))
        .await
    }

    /// Runs a statement without parameters and rows, such as one that begins or ends a transaction.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Error> {
        self.watched(in_time(ANSWER, self.client.batch_execute(sql)))
            .await
    }
}

/// A connection that is made again when it is lost.
#[derive(Default)]
pub(super) struct Slot(tokio::sync::Mutex<Current>);

#[derive(Default)]
struct Current {
    session: Option<Arc<Session>>,
    /// When the last attempt to connect failed that took long.
    failed: Option<Instant>,
}

impl Slot {
    pub(super) fn of(session: Session) -> Self {
        Self(tokio::sync::Mutex::new(Current {
            session: Some(Arc::new(session)),
            failed: None,
        }))
    }

    pub(super) async fn get(&self, settings: &PostgresSettings) -> Result<Arc<Session>, Error> {
        let asked = Instant::now();
        let mut slot = self.0.lock().await;
        let there = slot.session.as_ref();
        if let Some(session) = there.filter(|session| !session.is_closed()) {
            return Ok(session.clone());
        }
        slot.session = None;
        // Else those who wait would wait for one attempt after the other.
        if slot.failed.is_some_and(|failed| failed > asked) {
            return Err(Error::__private_api_timeout());
        }
        let begun = Instant::now();
        let opened = in_time(GREETING, Session::open(settings)).await;
        slot.failed = (opened.is_err() && begun.elapsed() > SLOW).then(Instant::now);
        let session = Arc::new(opened?);
        slot.session = Some(session.clone());
        Ok(session)
    }

    /// The connection, if there is one and none is being made.
    fn current(&self) -> Option<Arc<Session>> {
        self.0.try_lock().ok()?.session.clone()
    }

    pub(super) async fn close(&self) {
        self.0.lock().await.session = None;
    }
}

/// The connections that read. Requests to one are answered in their order, without waiting for each other to be sent.
#[derive(Default)]
pub(super) struct Readers {
    slots: [Slot; READERS],
    next: AtomicUsize,
}

impl Readers {
    /// The rows that a statement gives. A connection that was lost while it was idle is made again.
    pub(super) async fn query(
        &self,
        settings: &PostgresSettings,
        sql: &'static str,
        params: Params<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = &self.slots[next % READERS];
        let session = slot.get(settings).await.map_err(failed)?;
        let error = match session.query(sql, params).await {
            Ok(rows) => return Ok(rows),
            Err(error) => error,
        };
        if !is_cut(&error) {
            return Err(failed(error));
        }
        let was_lost = session.is_closed();
        slot.close().await;
        if !was_lost {
            return Err(failed(error));
        }
        let session = slot.get(settings).await.map_err(failed)?;
        session.query(sql, params).await.map_err(failed)
    }

    /// Gives the rows of a statement to `take` as they come. A connection that was lost while it was idle is made again.
    pub(super) async fn each(
        &self,
        settings: &PostgresSettings,
        sql: &'static str,
        params: Params<'_>,
        mut take: impl FnMut(Row) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let slot = &self.slots[next % READERS];
        let session = slot.get(settings).await.map_err(failed)?;
        let mut has_begun = false;
        let mut first = |row| {
            has_begun = true;
            take(row)
        };
        let error = match session.each(sql, params, &mut first).await {
            Ok(taken) => return taken,
            Err(error) => error,
        };
        if !is_cut(&error) {
            return Err(failed(error));
        }
        let was_lost = session.is_closed();
        slot.close().await;
        if !was_lost || has_begun {
            return Err(failed(error));
        }
        let session = slot.get(settings).await.map_err(failed)?;
        match session.each(sql, params, &mut take).await {
            Ok(taken) => taken,
            Err(error) => Err(failed(error)),
        }
    }

    /// Ends the connections that are there, for they may hang. What waits for one is asked for again over a new one.
    pub(super) fn cut(&self) {
        for session in self.slots.iter().filter_map(Slot::current) {
            session.cut();
        }
    }

    /// The server's processes of the connections that are there.
    #[cfg(test)]
    pub(super) fn processes(&self) -> Vec<i32> {
        let sessions = self.slots.iter().filter_map(Slot::current);
        sessions.map(|session| session.process).collect()
    }

    /// Makes all connections.
    pub(super) async fn connect(&self, settings: &PostgresSettings) -> Result<(), Error> {
        for slot in &self.slots {
            slot.get(settings).await?;
        }
        Ok(())
    }

    pub(super) async fn close(&self) {
        for slot in &self.slots {
            slot.close().await;
        }
    }
}
