use stepwell_condition::Budget;

use super::*;

fn matching(
    catalog: &Catalog,
    workspace: &WorkspaceName,
    data: serde_json::Value,
) -> Vec<Arc<LiveStep>> {
    let found = catalog.matching(workspace, &mut document(data), &mut Budget::default());
    found.unwrap().into_iter().map(|found| found.step).collect()
}

#[tokio::test]
async fn steps_are_found_by_what_they_match() {
    let store = store();
    open(&store, 'a').await.unwrap();
    put(
        &store,
        &default(),
        step("form", json!({"$via": {"name": "Form"}})),
    )
    .await;
    put(
        &store,
        &default(),
        step("mail", json!({"email": {"$type": "string"}})),
    )
    .await;
    put(&store, &default(), step("any", json!({}))).await;
    let catalog = open(&store, 'a').await.unwrap();
    let find = |data| names(matching(&catalog, &default(), data));
    assert_eq!(find(json!({"$via": {"name": "Form"}})), ["any", "form"]);
    assert_eq!(
        find(json!({"$via": {"name": "Form"}, "email": "a@b"})),
        ["any", "form", "mail"]
    );
    assert_eq!(find(json!({"email": 1})), ["any"]);
    assert!(matching(&catalog, &name("none"), json!({})).is_empty());

    catalog.delete_step(&default(), &name("any")).await.unwrap();
    assert!(catalog.step(&default(), &name("any")).is_err());
    assert_eq!(find(json!({"email": "x"})), ["mail"]);
    let error = catalog
        .delete_step(&default(), &name("any"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no step `any` in workspace `default`"
    );
    assert_eq!(
        names(open(&store, 'a').await.unwrap().steps(&default()).unwrap()),
        ["form", "mail"]
    );
}

#[tokio::test]
async fn limits_and_policy_are_set_without_the_component() {
    let store = store();
    put(&store, &default(), step("s", json!({"a": 1}))).await;
    let catalog = open(&store, 'a').await.unwrap();
    let tuning = Tuning {
        fuel: Some(5_000),
        attempts: Some(7),
        ..Tuning::default()
    };
    let name: StepName = name("s");
    let set = catalog.tune_step(&default(), &name, tuning).await.unwrap();
    assert_eq!((set.step.limits.fuel, set.step.retry.attempts), (5_000, 7));
    // What was not named stays, now and over a restart; the step still matches.
    let more = Tuning {
        factor: Some(3),
        ..Tuning::default()
    };
    catalog.tune_step(&default(), &name, more).await.unwrap();
    let again = open(&store, 'a').await.unwrap();
    for catalog in [&catalog, &again] {
        let step = &catalog.step(&default(), &name).unwrap().step;
        assert_eq!((step.limits.fuel, step.retry.attempts), (5_000, 7));
        assert_eq!((step.retry.factor, step.updated), (3, 1_000));
        assert_eq!(matching(catalog, &default(), json!({"a": 1})).len(), 1);
    }
    let wrong = Tuning {
        attempts: Some(0),
        ..Tuning::default()
    };
    assert!(matches!(
        catalog.tune_step(&default(), &name, wrong).await,
        Err(CatalogError::BadLimit { .. })
    ));
    assert!(matches!(
        catalog
            .tune_step(&default(), &"other".parse().unwrap(), tuning)
            .await,
        Err(CatalogError::NotFound { .. })
    ));
}

/// The budget is one of all conditions, and the error names the one that took most.
#[tokio::test]
async fn what_takes_too_much_names_the_step_that_takes_most() {
    let store = store();
    open(&store, 'a').await.unwrap();
    for (name, patterns) in [("few", 1), ("many", 5), ("some", 2)] {
        let patterns = vec![json!({"a": 1}); patterns];
        put(&store, &default(), step(name, json!({"items": patterns}))).await;
    }
    let catalog = open(&store, 'a').await.unwrap();
    let look = |units: u64| {
        let data = json!({"items": vec![json!({"a": 1}); 100], "more": vec![""; 100]});
        let mut budget = Budget::new(units);
        let found = catalog.matching(&default(), &mut document(data), &mut budget);
        (found.map(|found| found.len()), units - budget.left())
    };
    let (found, cost) = look(1_000_000);
    assert_eq!(found, Ok(3));
    assert_eq!(look(cost + 1), (Ok(3), cost));
    let (costly, spent) = look(cost);
    assert_eq!(spent, cost);
    let costly = costly.unwrap_err();
    assert_eq!(costly.budget, cost);
    assert!(
        costly.to_string().starts_with("condition too costly: ") && costly.units < cost,
        "{costly}"
    );
    // Documents that are the same to a condition cost the same.
    assert_eq!(look(cost).1, spent);
}

/// A condition with so many expressions of nearly a megabyte each, numbered from `first`.
fn large(first: usize, count: usize) -> serde_json::Value {
    let expressions = (first..first + count)
        .map(|number| json!({"$regex": format!("^\\p{{L}}{{1,20}}|x{{{}}}$", number + 1)}));
    json!({"a": {"$in": expressions.collect::<Vec<_>>()}})
}

#[tokio::test]
async fn a_step_whose_condition_is_larger_than_a_new_one_may_be_is_still_used() {
    let store = store();
    open(&store, 'a').await.unwrap();
    put(&store, &default(), step("old", large(0, 16))).await;
    let catalog = open(&store, 'a').await.unwrap();
    let old = catalog.step(&default(), &name("old")).unwrap();
    assert_eq!(
        names(matching(&catalog, &default(), json!({"a": "xx"}))),
        ["old"]
    );
    let refused = old.check_memory().unwrap_err().to_string();
    assert!(
        refused.contains("condition of step `old` takes 1") && refused.contains("at most 4194304"),
        "{refused}"
    );
    // Limits are set without a look at the condition.
    let tuning = Tuning {
        attempts: Some(2),
        ..Tuning::default()
    };
    let tuned = catalog.tune_step(&default(), &name("old"), tuning).await;
    assert_eq!(tuned.unwrap().step.retry.attempts, 2);
}

#[test]
fn what_all_conditions_of_a_workspace_take_is_bounded_and_an_expression_counts_once() {
    let live = |name: &str, condition| LiveStep::new(step(name, condition)).unwrap();
    let mut matching = matching::Matching::default();
    let one = live("one", large(0, 1));
    let most = 3 * one.pattern.memory().bytes();
    matching.check_memory(&one, None, most).unwrap();
    let slot = matching.insert(one.clone());
    // The same expression in ten steps.
    for number in 0..10 {
        let same = live(&format!("same{number}"), large(0, 1));
        matching.check_memory(&same, None, most).unwrap();
        matching.insert(same);
    }
    let others = live("others", large(1, 2));
    let error = matching
        .check_memory(&others, None, most)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("with step `others`") && error.contains(&format!("at most {most} are")),
        "{error}"
    );
    let other = live("other", large(1, 1));
    matching.check_memory(&other, None, most).unwrap();
    matching.insert(other.clone());
    // A step is replaced by one that takes no more, however full it is.
    matching.check_memory(&other, Some(&other), 1).unwrap();
    assert!(matching.check_memory(&others, Some(&other), 1).is_err());
    // Nothing is left of what is removed.
    matching.remove(slot);
    let before = matching
        .check_memory(&others, None, 1)
        .unwrap_err()
        .to_string();
    let slot = matching.insert(one);
    matching.remove(slot);
    assert_eq!(
        matching
            .check_memory(&others, None, 1)
            .unwrap_err()
            .to_string(),
        before
    );
}

#[tokio::test]
async fn a_workspace_waits_for_no_neighbour_that_loads_the_same_component() {
    let store = store();
    let catalog = open(&store, 'a').await.unwrap();
    let (loud, quiet) = (name("loud"), name("quiet"));
    let shared = step("shared", json!({}));
    // What the store has is not one, which is told at once.
    put(&store, &default(), shared.clone()).await;
    let held = {
        let mut loading = catalog.loading.lock();
        loading
            .entry((loud, shared.digest.clone()))
            .or_default()
            .clone()
    };
    let _loads = held.lock().await;
    let loaded = catalog.component(&quiet, &shared);
    let patience = std::time::Duration::from_secs(60);
    let loaded = tokio::time::timeout(patience, loaded).await;
    assert!(loaded.expect("it waits for its neighbour").is_err());
}

#[test]
fn a_condition_is_kept_without_white_space_that_says_nothing() {
    let long = format!("{{{}}}", " ".repeat(60_000));
    for (written, kept) in [
        (&*long, "{}"),
        (" {\n\t\"a b\" : [1,\r 2 ] } ", "{\"a b\":[1,2]}"),
        (
            r#"{"a": "x \" y\\", "b\\\"  ": " "}"#,
            r#"{"a":"x \" y\\","b\\\"  ":" "}"#,
        ),
    ] {
        let compact = crate::catalog::matching::compact(written);
        assert_eq!(compact, kept);
        let value = |text| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&compact), value(written));
    }
}
