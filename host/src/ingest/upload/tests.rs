//! Whatever is sent as a form is read in bounded memory, piece by piece.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::StreamBody;
use hyper::body::Frame;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::domain::budget::Budget;
use crate::ingest::read::{Bodies, Bounds, Share};
use crate::vault::Vault;

struct Forms {
    uploads: Uploads,
    bodies: Arc<Bodies>,
    workspace: WorkspaceName,
    _dir: tempfile::TempDir,
}

impl Forms {
    fn new(most: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(dir.path(), Some(&"a".repeat(64))).unwrap();
        let blobs = Blobs::new(dir.path().join("blobs"));
        Self {
            uploads: Uploads::new(blobs, vault.links("http://h"), most),
            bodies: Bodies::new(1 << 20, Budget::unlimited()),
            workspace: "acme".parse().unwrap(),
            _dir: dir,
        }
    }

    /// Reads a body that comes in pieces of this size. Returns the data and the files' contents.
    async fn read(&self, body: &[u8], size: usize) -> Result<(Value, Vec<Vec<u8>>), UploadError> {
        let pieces: Vec<_> = body.chunks(size).map(Bytes::copy_from_slice).collect();
        let pieces = pieces
            .into_iter()
            .map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
        let reading = Reading {
            workspace: &self.workspace,
            content_type: "multipart/form-data; boundary=x",
            bounds: Bounds {
                bytes: 100,
                time: Duration::from_secs(60),
            },
            paced_by: None,
        };
        let mut share = Share::of(&self.bodies, &self.workspace, 0)?;
        let mut body = StreamBody::new(stream::iter(pieces));
        let mut watch = |_: &[u8]| {};
        let upload = self
            .uploads
            .read(&mut body, reading, (&mut share, &mut watch))
            .await?;
        let text = self
            .uploads
            .document(&upload, (&self.workspace, TaskId::MIN), 0);
        let files = upload.into_files();
        let digests: Vec<_> = files.iter().map(|file| file.digest).collect();
        let (blobs, workspace) = (&self.uploads.blobs, &self.workspace);
        let _kept = blobs.keep(workspace, TaskId::MIN, files).unwrap();
        let read = |digest| blobs.read(workspace, TaskId::MIN, digest, (0, 99)).unwrap();
        let files = digests.iter().map(|digest| read(digest).unwrap().1);
        Ok((serde_json::from_slice(&text).unwrap(), files.collect()))
    }
}

const FORM: &str = "preamble\r\n--x\r\ncontent-disposition: form-data; name=\"a[b]\"\r\n\r\n1\r\n--x\r\n\
    content-disposition: form-data; name=\"f\"; filename=\"../me.png\"\r\ncontent-type: image/png\r\n\r\n\
    \r\n--\rPNG\r\n\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n\r\n--x--\r\nepilogue";

#[tokio::test]
async fn a_form_is_the_same_however_it_is_cut() {
    let forms = Forms::new(10_000);
    for size in [1, 2, 3, 7, 50, 10_000] {
        let (data, files) = forms.read(FORM.as_bytes(), size).await.unwrap();
        assert_eq!(files, [b"\r\n--\rPNG\r\n".to_vec()], "{size}");
        let file = &data["f"][0];
        assert_eq!(data["a"]["b"], "1");
        assert_eq!(
            (&file["name"], &file["type"]),
            (&"me.png".into(), &"image/png".into())
        );
        assert_eq!(file["size"], 10);
        assert_eq!(file["digest"].as_str().unwrap().len(), 64);
        let url = file["url"].as_str().unwrap();
        assert!(url.starts_with("http://h/files/acme/"), "{url}");
        assert_eq!(data["f"][1], "", "an input that was left empty");
    }
}

#[tokio::test]
async fn what_is_too_large_or_too_many_is_refused_and_leaves_nothing() {
    let forms = Forms::new(20_000);
    let part = |disposition: &str, content: &str| {
        format!("--x\r\ncontent-disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
    };
    let file = part("name=f; filename=a", "1");
    let text = part("name=a", &"1".repeat(60));
    let long = "x".repeat(17_000);
    for (body, part) in [
        (
            part("name=f; filename=a", &"1".repeat(20_001)),
            "larger than 20000 bytes",
        ),
        (format!("{text}{text}--x--"), "larger than 100 bytes"),
        (format!("{}--x--", file.repeat(101)), "more than 100 files"),
        (part(&format!("name={long}"), "1"), "more than 16384 bytes"),
        (format!("--x\r\n{long}"), "more than 16384 bytes"),
        (long.clone(), "more than 16384 bytes"),
        (file.clone(), "do not read"),
        (part("filename=a", "1"), "no name"),
        (format!("{}--x--", part("name=a[b; filename=a", "1")), ""),
    ] {
        let read = forms.read(body.as_bytes(), 100).await;
        match read {
            Ok(_) => assert_eq!(part, ""),
            Err(error) => {
                let error = error.to_string();
                assert!(!part.is_empty() && error.contains(part), "{part}: {error}");
            }
        }
        let incoming = forms._dir.path().join("blobs/.incoming");
        let left = std::fs::read_dir(incoming).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{part}");
    }
}

/// A parser that is given small parts does not read the rest of the body ahead.
#[tokio::test]
async fn a_body_is_not_read_ahead() {
    let gate = Arc::new(pieces::Gate::default());
    let piece = "--x\r\ncontent-disposition: form-data; name=a\r\n\r\n1\r\n".repeat(10);
    let frames = (0..1000).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from(piece.clone()))));
    let mut body = StreamBody::new(stream::iter(frames));
    let pieces = pieces::Pieces {
        body: &mut body,
        gate: gate.clone(),
        most: u64::MAX,
        watch: &mut |_: &[u8]| {},
    };
    let mut parts = multer::Multipart::new(pieces, "x");
    for seen in 1..=500 {
        let asked = std::future::poll_fn(|context| {
            gate.poll(context, (gate.passed(), 1_000), |context| {
                parts.poll_next_field(context)
            })
        });
        let mut part = asked.await.unwrap().unwrap().unwrap();
        loop {
            let next = std::future::poll_fn(|context| {
                gate.poll(context, (gate.passed(), 1_000), |context| {
                    futures_util::Stream::poll_next(std::pin::Pin::new(&mut part), context)
                })
            });
            if next.await.unwrap().is_none() {
                break;
            }
        }
        let ahead = gate.passed() as usize - seen * piece.len() / 10;
        assert!(ahead <= 2 * piece.len(), "{ahead} bytes after {seen} parts");
    }
}

proptest! {
    #[test]
    fn any_bytes(
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            "--x\r\nContent-Disposition: form-data; (name|filename)=\"?[a;\"\\[\\]]{0,3}(; filename\\*?=[a'%\"]{0,4})?\r\n\r\n.{0,9}\r\n--x(--)?\r\n"
                .prop_map(String::into_bytes),
        ],
        size in 1usize..30,
    ) {
        let forms = Forms::new(1_000);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (one, whole) = runtime.block_on(async {
            (forms.read(&body, size).await, forms.read(&body, 1_000).await)
        });
        match (one, whole) {
            (Ok(one), Ok(whole)) => prop_assert_eq!(one, whole),
            (Err(one), Err(whole)) => prop_assert_eq!(one.to_string(), whole.to_string()),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[tokio::test]
async fn the_files_of_a_form_are_synced_when_it_is_whole_and_many_at_once() {
    let forms = Forms::new(1 << 20);
    let form = |files: usize| {
        let file = |n| {
            format!(
                "--x\r\ncontent-disposition: form-data; name=\"f{n}\"; filename=\"a\"\r\n\r\n{n}\r\n"
            )
        };
        (0..files).map(file).collect::<String>()
    };
    let broken = form(100);
    forms.read(broken.as_bytes(), 1_000).await.unwrap_err();
    let syncs = || {
        forms
            .uploads
            .blobs
            .syncs
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    assert_eq!(syncs(), 0);
    for (files, expected) in [(100, 1), (3, 1 + 3)] {
        let whole = form(files) + "--x--\r\n";
        let (_, found) = forms.read(whole.as_bytes(), 1_000).await.unwrap();
        assert_eq!(found.len(), files);
        assert_eq!(found[files - 1], (files - 1).to_string().as_bytes());
        assert_eq!(syncs(), expected);
    }
}
