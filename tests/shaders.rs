//! Every shader parses and validates, and the uniform block has the layout that the program writes.

use hilum::gpu::{SliceUniforms, shaders};
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

#[test]
fn the_uniform_block_matches_the_shader() {
    let module = parse("slice.wgsl").expect("parses");
    let mut layouter = naga::proc::Layouter::default();
    layouter.update(module.to_ctx()).expect("layout");
    let (handle, block) = module
        .types
        .iter()
        .find(|(_, t)| t.name.as_deref() == Some("SliceUniforms"))
        .expect("the shader declares SliceUniforms");
    let naga::TypeInner::Struct { members, span } = &block.inner else { panic!("SliceUniforms is a struct") };
    let shader: Vec<(&str, usize)> =
        members.iter().map(|m| (m.name.as_deref().expect("named"), m.offset as usize)).collect();
    assert_eq!(shader, SliceUniforms::FIELDS);
    assert_eq!(*span as usize, size_of::<SliceUniforms>());
    assert_eq!(layouter[handle].size as usize, size_of::<SliceUniforms>());
}
