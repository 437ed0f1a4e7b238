//! The charts of the documents: they say what their tables say, and each is shown in both themes.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The documents, and what leads from each to the charts.
const DOCUMENTS: [(&str, &str); 2] =
    [("README.md", "benches/charts/"), ("benches/README.md", "charts/")];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn charts_are_what_their_tables_say() {
    let done = Command::new("python3").arg(root().join("scripts/charts")).arg("--check").output();
    let done = done.expect("apt-get install python3");

    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn each_chart_is_shown_in_light_and_dark() {
    let mut shown = BTreeSet::new();
    for (document, folder) in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for picture in text.split("<picture>").skip(1) {
            let picture = picture.split("</picture>").next().unwrap();
            let files: Vec<&str> =
                picture.split('"').filter(|part| part.ends_with(".svg")).collect();
            let [dark, light] = files[..] else { continue };
            let name = dark.strip_suffix("-dark.svg").unwrap();
            assert_eq!(light, format!("{name}-light.svg"), "{document}");
            assert!(picture.contains("(prefers-color-scheme: dark)"), "{document}: {name}");
            shown.insert(name.strip_prefix(folder).unwrap().to_owned());
        }
    }
    let drawn = fs::read_dir(root().join("benches/charts")).unwrap();
    let drawn: BTreeSet<String> = drawn
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|file| file.rsplit_once('-').unwrap().0.to_owned())
        .collect();

    assert_eq!(shown, drawn);
}
