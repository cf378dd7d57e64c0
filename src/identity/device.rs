//! Known devices: keys that once completed a login of two factors for a customer. They keep a throttle of their own and
//! hash first, so a flood of strangers does not lock their owner out.

use countersign_jose::Thumbprint;

use crate::base::{ClientId, CustomerId, DeviceId, Entropy, Event, Timestamp};
use crate::store::{Batch, Db, StoreError};

/// The guard of [`remember`]: it does not hold when the device was remembered meanwhile.
pub const DEVICE_IS_NEW: &str = "device is new";

/// The known device of `customer` that holds the key `jkt`.
///
/// # Errors
/// [`StoreError`].
pub async fn find(db: &Db, customer: &CustomerId, jkt: &Thumbprint) -> Result<Option<DeviceId>, StoreError> {
    let row = db
        .query_one(
            "SELECT id FROM device WHERE customer = $1 AND jkt = $2",
            vec![customer.as_str().into(), jkt.as_bytes().as_slice().into()],
        )
        .await?;
    row.map(|row| Ok(DeviceId::new(row.text(0)?))).transpose()
}

/// Remembers the device that holds the key `jkt`, and returns its name.
pub fn remember(
    batch: &mut Batch,
    customer: &CustomerId,
    client: &ClientId,
    jkt: &Thumbprint,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> DeviceId {
    let device = DeviceId::random(entropy);
    batch.one_row(
        DEVICE_IS_NEW,
        "INSERT INTO device (id, customer, client, jkt, first_login_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (customer, jkt) DO NOTHING",
        vec![
            device.as_str().into(),
            customer.as_str().into(),
            client.as_str().into(),
            jkt.as_bytes().as_slice().into(),
            now.into(),
        ],
    );
    let event = Event::DeviceRemembered {
        customer: customer.clone(),
        client: client.clone(),
    };
    batch.record(now, entropy, &event);
    device
}
