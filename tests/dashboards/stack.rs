//! Checks that the files of the dashboard stack are consistent. A real Collector validates its core components
//! (`scripts/e2e-dashboards.sh`). Components of the contrib distribution follow its documentation and are not
//! validated.

use std::collections::BTreeSet;
use std::fs;

use saphyr::{LoadableYamlNode as _, Yaml};

use crate::folder;
use crate::queries::list;

fn read(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn keys<'a>(node: &'a Yaml<'_>, key: &str) -> BTreeSet<&'a str> {
    let mapping = node.as_mapping_get(key).and_then(Yaml::as_mapping);
    mapping.into_iter().flatten().map(|(key, _)| key.as_str().unwrap()).collect()
}

#[test]
fn collector_components_are_defined_and_used() {
    for path in ["collector.yaml", "gateway/balancer.yaml", "gateway/sampler.yaml"] {
        let text = read(path);
        let document = Yaml::load_from_str(&text).unwrap().remove(0);
        let service = document.as_mapping_get("service").unwrap();
        let pipelines = service.as_mapping_get("pipelines").and_then(Yaml::as_mapping).unwrap();
        for kind in ["receivers", "processors", "exporters"] {
            let used = pipelines.iter().flat_map(|(_, pipeline)| list(pipeline, kind));
            let used: BTreeSet<_> = used.map(|name| name.as_str().unwrap()).collect();
            assert_eq!(used, keys(&document, kind), "{path}: {kind}");
        }
        let extensions: BTreeSet<_> =
            list(service, "extensions").iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(extensions, keys(&document, "extensions"), "{path}: extensions");
        for (_, pipeline) in pipelines {
            assert_eq!(
                list(pipeline, "processors")[0].as_str(),
                Some("memory_limiter"),
                "{path}: what protects comes first"
            );
        }
    }
}

#[test]
fn files_mounted_by_the_compose_file_exist() {
    let document = Yaml::load_from_str(&read("compose.yaml")).unwrap().remove(0);
    let services = document.as_mapping_get("services").and_then(Yaml::as_mapping).unwrap();
    let names = keys(&document, "services");
    let mut mounted = 0;
    for (name, service) in services {
        let name = name.as_str().unwrap();
        let image = service.as_mapping_get("image").and_then(Yaml::as_str).unwrap();
        assert!(image.split_once(':').is_some_and(|(_, tag)| tag.starts_with(|first: char| first == 'v' || first.is_ascii_digit())), "{image}: a version");
        for volume in list(service, "volumes") {
            let (source, _) = volume.as_str().unwrap().split_once(':').unwrap();
            if source.starts_with("./") {
                assert!(folder().join(source).exists(), "{name} mounts {source}");
                mounted += 1;
            } else {
                assert!(keys(&document, "volumes").contains(source), "{name} mounts {source}");
            }
        }
        for port in list(service, "ports") {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name} is reachable from elsewhere");
        }
    }
    assert_eq!(mounted, 6);
    // Every host in a URL is a service.
    for path in ["collector.yaml", "provisioning/datasources/datasources.yaml"] {
        let text = read(path);
        let hosts = text.lines().filter_map(|line| {
            line.trim().strip_prefix("url: http://").or(line.trim().strip_prefix("endpoint: "))
        });
        for host in hosts.map(|url| url.trim_start_matches("http://").split(':').next().unwrap()) {
            assert!(names.contains(host) || host == "0.0.0.0", "{path} speaks to {host}");
        }
    }
}

#[test]
fn every_alert_has_a_runbook_and_a_test_of_its_firing() {
    let document = Yaml::load_from_str(&read("prometheus/llm-trace.rules.yml")).unwrap().remove(0);
    let tests = read("prometheus/llm-trace.test.yml") + &read("prometheus/llm-trace.weekly.test.yml");
    let runbook = fs::read_to_string(folder().join("../docs/runbook.md")).unwrap();
    let mut alerts = 0;
    for rule in list(&document, "groups").iter().flat_map(|group| list(group, "rules")) {
        let Some(name) = rule.as_mapping_get("alert").and_then(Yaml::as_str) else { continue };
        alerts += 1;
        let annotations = rule.as_mapping_get("annotations").unwrap();
        let annotation = |key| annotations.as_mapping_get(key).and_then(Yaml::as_str).unwrap_or_default();
        assert!(!annotation("summary").is_empty() && !annotation("runbook").is_empty(), "{name}");
        assert_eq!(annotation("runbook_url"), format!("docs/runbook.md#{}", name.to_lowercase()));
        assert!(runbook.contains(&format!("\n## {name}\n")), "{name} is not in docs/runbook.md");
        // Each alert has a test that expects it and one that does not.
        let of_alert: Vec<_> = tests
            .split("- eval_time: ")
            .filter(|test| test.contains(&format!("alertname: {name}\n")))
            .collect();
        assert!(
            of_alert.iter().any(|test| test.contains("exp_alerts")),
            "{name}: nothing tests that it fires"
        );
        let is_silent = of_alert.iter().any(|test| !test.contains("exp_alerts"))
            || tests.contains(&format!("{name}: silent for"));
        assert!(is_silent, "{name}: nothing tests that it is silent");
    }
    assert_eq!(alerts, 11);
}
