//! Every shader parses and validates, and the uniform block has the layout that the program writes.

use hilum::gpu::{SliceUniforms, SolidUniforms, shaders};
use naga::valid::{Capabilities, ValidationFlags, Validator};

fn parse(name: &str) -> Result<naga::Module, String> {
    let source = shaders::source(name);
    naga::front::wgsl::parse_str(&source).map_err(|e| format!("{name}: {}", e.emit_to_string(&source)))
}

#[test]
fn shaders_parse_and_validate() {
    let mut failures = Vec::new();
    for (name, _) in shaders::ALL {
        match parse(name) {
            Err(message) => failures.push(message),
            Ok(module) => {
                let result = Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module);
                if let Err(e) = result {
                    failures.push(format!("{name}: {}", e.emit_to_string(&shaders::source(name))));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_shader_file_is_embedded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("shaders/ is there")
        .map(|e| e.expect("readable").path())
        .filter(|p| p.extension().is_some_and(|e| e == "wgsl"))
        .map(|p| p.file_name().expect("a file").to_string_lossy().into_owned())
        .collect();
    files.sort();
    let mut embedded: Vec<String> = shaders::ALL.iter().map(|(n, _)| (*n).to_owned()).collect();
    embedded.sort();
    assert_eq!(files, embedded);
}

/// Compares a block of a shader with the fields and the size of what the program writes.
fn assert_block(shader: &str, block: &str, fields: &[(&str, usize)], size: usize) {
    let module = parse(shader).expect("parses");
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).expect("layout");
    let found = module.types.iter().find(|(_, t)| t.name.as_deref() == Some(block));
    let (handle, found) = found.unwrap_or_else(|| panic!("{shader} declares {block}"));
    let naga::TypeInner::Struct { members, span } = &found.inner else { panic!("{block} is a struct") };
    let told: Vec<(&str, usize)> =
        members.iter().map(|m| (m.name.as_deref().expect("named"), m.offset as usize)).collect();
    assert_eq!(told, fields);
    assert_eq!(*span as usize, size);
    assert_eq!(layouter[handle].size as usize, size);
}

#[test]
fn the_uniform_blocks_match_the_shaders() {
    assert_block("slice.wgsl", "SliceUniforms", &SliceUniforms::FIELDS, size_of::<SliceUniforms>());
    assert_block("solid.wgsl", "SolidUniforms", &SolidUniforms::FIELDS, size_of::<SolidUniforms>());
}
