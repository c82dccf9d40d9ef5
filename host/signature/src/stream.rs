//! Verifies a request whose body is too large to be held: the body is passed in pieces, and the verdict comes at its end.

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::HEXLOWER;

use crate::content::Part;
use crate::head::{Head, head};
use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::{Algorithm, Check, Scheme, Signature};
use crate::secret::{Material, Secret, Secrets};
use crate::verify::{self, Verified};

/// A signature that is being verified while the body comes in.
pub struct Stream {
    /// One for each secret.
    sums: Vec<Sum>,
    /// What is signed behind the body.
    behind: Vec<u8>,
    /// The signatures that the request has.
    signatures: Vec<Vec<u8>>,
    /// The timestamp as it was signed.
    time: String,
    /// What is known without the body; its `secret` and `fingerprint` are not yet.
    verified: Verified,
    place: String,
}

/// What a secret makes of the content.
enum Sum {
    Mac(Box<hmac::Context>),
    /// Of the content behind the secret, or, for a public key, of the content.
    Digest(digest::Context),
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Scheme {
    /// Whether a body can be verified while it comes in: it is signed once and as it is, and nothing that is verified is
    /// read from it. Ed25519 signs the whole content twice, so that it cannot. A delivery id in a JSON body is not read.
    #[must_use]
    pub fn is_verified_in_pieces(&self) -> bool {
        let Check::Signature(signature) = &self.check else {
            return false;
        };
        let places = std::iter::once(&signature.at)
            .chain(&signature.or_at)
            .chain(signature.timestamp.iter().map(|timestamp| &timestamp.at))
            .chain(&signature.absent);
        let signed_id = self
            .delivery_id
            .iter()
            .filter(|_| signature.content.has(&Part::Id));
        let mut places = places.chain(signed_id);
        signature.algorithm != Algorithm::Ed25519
            && signature.certificate.is_none()
            && signature.body_hash.is_none()
            && signature.content.has_body_once()
            && !places.any(|place| matches!(place, Place::Pointer(_)))
    }
}

impl Stream {
    /// Begins with what stands before the body. The request's `body` is not looked at. None if the scheme's requests have
    /// to be held: see [`Scheme::is_verified_in_pieces`].
    ///
    /// # Errors
    /// Why the request is refused, whatever its body is.
    pub fn begin(
        scheme: &Scheme,
        secrets: &Secrets,
        request: &Request<'_>,
        now_ms: i64,
    ) -> Result<Option<Self>, Refused> {
        let Check::Signature(signature) = &scheme.check else {
            return Ok(None);
        };
        if !scheme.is_verified_in_pieces() {
            return Ok(None);
        }
        if secrets.all.is_empty() {
            return Err(Refused::SecretMissing);
        }
        let request = &Request {
            body: b"",
            ..*request
        };
        let head = head(scheme, signature, request, now_ms)?;
        let inputs = head.inputs(request);
        let (mut before, mut behind) = (Vec::new(), Vec::new());
        let mut is_behind = false;
        for part in signature.content.parts() {
            if *part == Part::Body {
                is_behind = true;
                continue;
            }
            let to = if is_behind { &mut behind } else { &mut before };
            part.render(&inputs, &mut |piece| to.extend_from_slice(piece))?;
        }
        let sums = secrets
            .all
            .iter()
            .map(|secret| Sum::new(signature, secret, &before));
        let sums = sums.collect::<Result<Vec<_>, _>>()?;
        let id_signed = head.signs_id(scheme, signature);
        let Head {
            signatures,
            time,
            timestamp_ms,
            ..
        } = head;
        let verified = verify::accepted(scheme, request, 0, id_signed)?;
        Ok(Some(Self {
            sums,
            behind,
            signatures,
            time: time.map(Into::into).unwrap_or_default(),
            verified: Verified {
                timestamp_ms,
                ..verified
            },
            place: signature.at.to_string(),
        }))
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, piece: &[u8]) {
        for sum in &mut self.sums {
            sum.update(piece);
        }
    }

    /// The verdict at the body's end. `scheme` and `secrets` are those that it was begun with.
    ///
    /// # Errors
    /// Why the request is refused.
    pub fn finish(mut self, scheme: &Scheme, secrets: &Secrets) -> Result<Verified, Refused> {
        let mismatch = Refused::SignatureMismatch { place: self.place };
        let Check::Signature(signature) = &scheme.check else {
            return Err(mismatch);
        };
        for (index, (sum, secret)) in self.sums.iter_mut().zip(&secrets.all).enumerate() {
            sum.update(&self.behind);
            if let Some(fingerprint) = sum.fits(signature, secret, &self.signatures, &self.time) {
                return Ok(Verified {
                    secret: index,
                    fingerprint: Some(fingerprint),
                    ..self.verified
                });
            }
        }
        Err(mismatch)
    }
}

impl Sum {
    fn new(signature: &Signature, secret: &Secret, before: &[u8]) -> Result<Self, Refused> {
        let mut sum = match (&secret.material, signature.algorithm) {
            (Material::Hmac(key), algorithm) if !algorithm.is_asymmetric() => {
                Self::Mac(Box::new(hmac::Context::with_key(key)))
            }
            (Material::Plain, Algorithm::Sha256OfSecretAndContent) => {
                let mut context = digest::Context::new(&digest::SHA256);
                context.update(&secret.raw);
                Self::Digest(context)
            }
            (Material::Public(_), Algorithm::EcdsaP256Sha256 | Algorithm::RsaSha256) => {
                Self::Digest(digest::Context::new(&digest::SHA256))
            }
            _ => return Err(Refused::SecretUnfit),
        };
        sum.update(before);
        Ok(sum)
    }

    fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Mac(context) => context.update(piece),
            Self::Digest(context) => context.update(piece),
        }
    }

    /// The request's fingerprint, if the secret fits one of its signatures.
    fn fits(
        &mut self,
        signature: &Signature,
        secret: &Secret,
        given: &[Vec<u8>],
        time: &str,
    ) -> Option<String> {
        let equal = |expected: &[u8]| {
            let mut given = given.iter();
            given.any(|given| constant_time::verify_slices_are_equal(expected, given).is_ok())
        };
        match (self, &secret.material) {
            (Self::Digest(context), Material::Public(key))
                if signature.algorithm.is_asymmetric() =>
            {
                let sum = context.clone().finish();
                let mut given = given.iter();
                given
                    .any(|given| key.verify_digest_sig(&sum, given).is_ok())
                    .then(|| {
                        // As of a request that was held: of the content and the timestamp.
                        context.update(time.as_bytes());
                        HEXLOWER.encode(context.clone().finish().as_ref())
                    })
            }
            (Self::Digest(context), _) => {
                let sum = context.clone().finish();
                equal(sum.as_ref()).then(|| verify::fingerprint(sum.as_ref(), time))
            }
            (Self::Mac(context), _) => {
                let sum = hmac::Context::clone(context).sign();
                equal(sum.as_ref()).then(|| verify::fingerprint(sum.as_ref(), time))
            }
        }
    }
}
