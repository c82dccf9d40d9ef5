use super::*;
use crate::domain::retention::{Period, Retention};
use crate::domain::workspace::WorkspaceSettings;

#[tokio::test]
async fn a_failure_url_is_kept_and_a_wrong_one_refused() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let url = || Some("https://ops.example.com/x".to_owned());
    assert_eq!(catalog.failure_url(&default()), None);
    let settings = |url: Option<String>| {
        move |settings: &mut WorkspaceSettings| settings.failure_url.clone_from(&url)
    };
    catalog
        .set_workspace(&default(), settings(url()))
        .await
        .unwrap();
    let changed = WorkspaceSettings {
        failure_url: url(),
        retention: Retention {
            done: Period::Days(1),
            others: Period::Forever,
        },
        rate: None,
    };
    catalog
        .add_workspace(name("acme"), changed.clone())
        .await
        .unwrap();
    let again = open(&store, 'a').await.unwrap();
    for catalog in [&catalog, &again] {
        assert_eq!(catalog.failure_url(&default()), url());
        assert_eq!(catalog.settings(&name("acme")).unwrap(), changed);
    }
    let wrong = Some("ftp://secret.example.com".to_owned());
    let error = again
        .set_workspace(&default(), settings(wrong))
        .await
        .unwrap_err();
    assert!(matches!(error, CatalogError::FailureUrl(_)));
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(again.failure_url(&default()), url(), "nothing is changed");
    let set = |settings: &mut WorkspaceSettings| settings.retention.done = Period::Forever;
    let set = again.set_workspace(&default(), set).await.unwrap();
    assert_eq!(set.failure_url, url(), "what is not set stays");
    again
        .set_workspace(&default(), settings(None))
        .await
        .unwrap();
    assert_eq!(
        open(&store, 'a').await.unwrap().failure_url(&default()),
        None
    );
}
