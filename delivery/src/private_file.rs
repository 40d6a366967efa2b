//! Files and folders that only their owner can read.
//!
//! Telemetry and content are written where other users may have created files. A folder or file is used only if it is safe: no symbolic
//! link, owned by the user the program runs as, without permissions for other users. On systems other than Unix none of this is checked,
//! and the permissions are those of the parent folder.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a folder with mode 0700, and its parents, unless it exists, and [checks](check_folder) it.
///
/// # Errors
///
/// If it cannot be created, or is not its owner's only.
pub fn create_folder(path: &Path) -> io::Result<()> {
    // A link to nowhere would be an error of creating it that does not name the link.
    if metadata_of(path).is_ok() {
        return check_folder(path);
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)?;
    check_folder(path)
}

/// Checks that this is a folder of the program's user that other users cannot access.
///
/// # Errors
///
/// If it is not, or cannot be read: the error names the fix.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let metadata = metadata_of(path)?;
    if metadata.is_symlink() {
        return refused(path, "is a symbolic link: name the folder it points to");
    }
    if !metadata.is_dir() {
        return refused(path, "is not a folder");
    }
    check_access(path, &metadata, "700")
}

/// Opens a file, and creates it with mode 0600 if the options say so. Symbolic links, files of other users, files that others can read or
/// write, and anything but regular files, are errors.
///
/// # Errors
///
/// These, which name the fix, and those of opening a file.
pub fn open_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;

        use rustix::fs::OFlags;
        // NONBLOCK: opening a FIFO would wait until its other end is opened.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| match metadata_of(path) {
        Ok(metadata) if metadata.is_symlink() => {
            io::Error::other(format!("{} is a symbolic link: remove it", path.display()))
        }
        _ => error,
    })?;
    check_regular(path, &file.metadata()?)?;
    Ok(file)
}

/// Checks that [`open_file`] would not refuse a file.
///
/// # Errors
///
/// If it would: the error names the fix.
pub fn check_file(path: &Path) -> io::Result<()> {
    let metadata = metadata_of(path)?;
    if metadata.is_symlink() {
        return refused(path, "is a symbolic link: remove it");
    }
    check_regular(path, &metadata)
}

fn check_regular(path: &Path, metadata: &Metadata) -> io::Result<()> {
    if !metadata.is_file() {
        return refused(path, "is not a regular file: remove it");
    }
    check_access(path, metadata, "600")
}

#[cfg(unix)]
fn check_access(path: &Path, metadata: &Metadata, private: &str) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        let fix = format!("chown {user} {}", path.display());
        return refused(path, &format!("belongs to user {owner}, the program runs as {user}: run `{fix}`"));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let fix = format!("chmod {private} {}", path.display());
        return refused(path, &format!("has mode {mode:04o}, which lets others use it: run `{fix}`"));
    }
    Ok(())
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the other one can fail")]
fn check_access(_path: &Path, _metadata: &Metadata, _private: &str) -> io::Result<()> {
    Ok(())
}

fn refused(path: &Path, problem: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{} {problem}", path.display())))
}

/// Of a link itself. A path that ends in a slash or a dot would be that of what the link points to.
fn metadata_of(path: &Path) -> io::Result<Metadata> {
    fs::symlink_metadata(path.components().as_path())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("allowed");
    }

    fn create() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        options
    }

    #[test]
    fn a_folder_is_created_for_the_owner_and_refused_if_others_can_use_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("a/b");
        create_folder(&folder).expect("created");
        assert_eq!(fs::metadata(&folder).expect("there").permissions().mode() & 0o777, 0o700);
        create_folder(&folder).expect("it is private");
        for mode in [0o777, 0o750, 0o701, 0o2770] {
            chmod(&folder, mode);
            let error = create_folder(&folder).expect_err("wide").to_string();
            let path = folder.display();
            let expected =
                format!("{path} has mode {mode:04o}, which lets others use it: run `chmod 700 {path}`");
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        for exists in [false, true] {
            if exists {
                create_folder(&target).expect("created");
            } else {
                symlink(&target, &link).expect("linked");
            }
            let error = create_folder(&link).expect_err("a link").to_string();
            assert!(error.contains("is a symbolic link"), "{error}");
            assert_eq!(target.exists(), exists, "nothing is created through the link");
            // The system follows a link that has a slash behind it.
            for behind in ["/", "//", "/.", "/./"] {
                let path = std::path::PathBuf::from(format!("{}{behind}", link.display()));
                let error = create_folder(&path).expect_err(behind).to_string();
                assert!(error.contains("is a symbolic link"), "{behind}: {error}");
                assert_eq!(target.exists(), exists, "{behind}");
            }
        }
    }

    #[test]
    fn links_wide_files_and_what_is_no_file_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, link, fifo) = (dir.path().join("f"), dir.path().join("l"), dir.path().join("p"));
        open_file(&file, &mut create()).expect("created");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        symlink(&file, &link).expect("linked");
        let error = open_file(&link, &mut create()).expect_err("a link").to_string();
        assert!(error.contains("is a symbolic link"), "{error}");
        chmod(&file, 0o666);
        let error = open_file(&file, &mut create()).expect_err("wide").to_string();
        assert!(error.contains(&format!("run `chmod 600 {}`", file.display())), "{error}");
        let made = std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&fifo).status();
        assert!(made.expect("mkfifo").success());
        let error = open_file(&fifo, &mut create()).expect_err("a FIFO").to_string();
        assert!(error.contains("is not a regular file"), "{error}");
    }
}
