//! `stepwell:step/blobs`: files of the task, read by the implementation of [`crate::domain::effect::Calls`].

use data_encoding::HEXLOWER;

use crate::domain::budget::Charge;
use crate::domain::effect::FilePart;
use crate::domain::limits;
use crate::sandbox::bindings::stepwell::step::blobs::Host;
use crate::sandbox::state::RunState;

impl RunState {
    /// A part of a file; an inner error is for the guest.
    async fn file(
        &mut self,
        digest: &str,
        offset: u64,
        length: usize,
    ) -> wasmtime::Result<Result<Option<FilePart>, String>> {
        let length = length.min(limits::FILE_PART_BYTES);
        self.work.charge(digest.len() + length)?;
        let bytes = HEXLOWER.decode(digest.as_bytes()).ok();
        let Some(digest) = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) else {
            let cut: String = digest.chars().take(80).collect();
            return Ok(Err(format!(
                "`{cut}` is no digest of a file: it has 64 lower-case hex digits, as the member `digest` of a file in the data"
            )));
        };
        let charge = Charge::new(self.memory.clone());
        charge.grow(length as u64)?;
        let answerer = self.calls.answerer.clone();
        Ok(Ok(answerer.file(digest, offset, length).await?))
    }
}

impl Host for RunState {
    async fn size(&mut self, digest: String) -> wasmtime::Result<Result<Option<u64>, String>> {
        let found = self.file(&digest, 0, 0).await?;
        Ok(found.map(|found| found.map(|part| part.size)))
    }

    async fn read(
        &mut self,
        digest: String,
        offset: u64,
        length: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let found = self.file(&digest, offset, length as usize).await?;
        Ok(found.and_then(|found| {
            let none = || format!("the task has no file with the digest {digest}");
            found.map(|part| part.bytes).ok_or_else(none)
        }))
    }
}
