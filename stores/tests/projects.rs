//! Projects: the example of a store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::needless_pass_by_value,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod backends;

use std::sync::Arc;

use backends::{Place, on_every_backend};
use larder::{ErrorKind, Query, Repository as _, RepositoryExt as _};
use larder_stores::project::{Project, Projects};
use larder_stores::{Error, Kept, Options, SerialIds, SetClock};
use serde_json::json;

on_every_backend![
    a_project_is_registered_changed_and_found_again,
    a_name_and_a_path_are_one_projects,
    what_another_program_wrote_stays_as_it_was,
];

fn open(place: &Place, clock: &Arc<SetClock>) -> Projects {
    let options = Options::new()
        .clock(Arc::clone(clock))
        .ids(SerialIds::default());
    Projects::open(place.store(), options).unwrap()
}

fn a_project_is_registered_changed_and_found_again(mut place: Place) {
    let clock = Arc::new(SetClock::new(1_000));
    let projects = open(&place, &clock);
    let atlas = projects.register("atlas", "/srv/atlas").unwrap();
    assert_eq!(atlas.id, "project_1000_1");
    clock.set(2_000);
    let changed = projects
        .update(&atlas.id, |it| it.personality = Some("dry".to_owned()))
        .unwrap()
        .unwrap();
    assert_eq!((changed.created_at, changed.updated_at), (1_000, 2_000));
    assert!(projects.update("other", |_| {}).unwrap().is_none());
    drop(projects);
    place.reopen();
    let projects = open(&place, &clock);
    let found = projects.repository.find_one(Project::NAME.is("atlas"));
    assert_eq!(found.unwrap().unwrap(), changed);
}

fn a_name_and_a_path_are_one_projects(place: Place) {
    let projects = open(&place, &Arc::default());
    let atlas = projects.register("atlas", "/srv/atlas").unwrap();
    for (name, path) in [("atlas", "/srv/other"), ("other", "/srv/atlas")] {
        let Error::Larder(error) = projects.register(name, path).unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(error.kind(), ErrorKind::UniqueViolation);
        assert_eq!(error.current::<Project>(), Some(Arc::clone(&atlas)));
    }
    assert_eq!(projects.repository.count(Query::all()).unwrap(), 1);
}

fn what_another_program_wrote_stays_as_it_was(place: Place) {
    let original = "{\"id\":\"p\",\"name\":\"atlas\",\"path\":\"/srv/atlas\",\"discordCategoryId\":\"1\",\
        \"skills\":{\"a\":\"do a\",\"b\":\"do b\"},\
        \"mcpServers\":[{\"name\":\"fs\",\"command\":\"npx\",\"args\":[\"-y\"],\"env\":{\"Z\":1.0}}],\
        \"createdAt\":1,\"updatedAt\":2}";
    let projects = open(&place, &Arc::default());
    let project: Project = serde_json::from_str(original).unwrap();
    projects.repository.save(project).unwrap().wait().unwrap();
    let read = projects.repository.get("p").unwrap().unwrap();
    assert_eq!(serde_json::to_string(&*read).unwrap(), original);

    // Written in several lines, it is kept in one.
    let servers = "[{\n  \"name\": \"a \\\" b\\\\\",\n  \"command\": \"x  y\"\n}]";
    let servers: Vec<Kept> = serde_json::from_str(servers).unwrap();
    assert_eq!(
        servers[0].as_str(),
        r#"{"name":"a \" b\\","command":"x  y"}"#
    );
    assert_eq!(
        servers[0].read::<serde_json::Value>().unwrap(),
        json!({"name": "a \" b\\", "command": "x  y"})
    );
    // What is no object is refused, and says where.
    let refused = projects
        .update("p", |it| it.mcp_servers = vec![Kept::new(&7).unwrap()])
        .unwrap_err();
    let Error::Larder(refused) = refused else {
        panic!("another error");
    };
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert_eq!(refused.violations()[0].path(), "/mcpServers/0");
}

#[test]
fn it_is_short() {
    let lines = include_str!("../src/project.rs").lines().count();
    assert!(lines < 80, "{lines} lines");
}
