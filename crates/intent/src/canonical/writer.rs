//! Whatever can be serialised, written as canonical JSON in one pass.

use super::CanonicalError;
use super::text::{Open, Text};
use serde::Serialize;
use serde::ser::{self, Serializer};

/// Where serialisers of the JSON library hide text that is not to be looked at; it would be copied as it stands.
const UNSEEN: &str = "$serde_json::private::";

/// Writes one value.
pub(super) struct Writer<'t>(pub(super) &'t mut Text);

/// A list that has not ended.
pub(super) struct List<'t> {
    text: &'t mut Text,
    is_empty: bool,
    end: &'static str,
}

/// An object that has not ended.
pub(super) struct Object<'t> {
    text: &'t mut Text,
    open: Open,
    end: &'static str,
}

impl<'t> Writer<'t> {
    fn list(self, end: &'static str) -> List<'t> {
        self.0.push("[");
        List {
            text: self.0,
            is_empty: true,
            end,
        }
    }

    fn object(self, end: &'static str) -> Object<'t> {
        let open = self.0.open();
        Object {
            text: self.0,
            open,
            end,
        }
    }

    /// An object of one member, named as the variant; what comes next is its value.
    fn variant(self, variant: &str) -> Self {
        self.0.push("{");
        self.0.string(variant);
        self.0.push(":");
        self
    }
}

impl<'t> Serializer for Writer<'t> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = List<'t>;
    type SerializeTuple = List<'t>;
    type SerializeTupleStruct = List<'t>;
    type SerializeTupleVariant = List<'t>;
    type SerializeMap = Object<'t>;
    type SerializeStruct = Object<'t>;
    type SerializeStructVariant = Object<'t>;

    fn serialize_bool(self, value: bool) -> Result<(), CanonicalError> {
        self.0.push(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), CanonicalError> {
        self.0.signed(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), CanonicalError> {
        self.0.signed(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), CanonicalError> {
        self.0.signed(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), CanonicalError> {
        self.0.signed(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), CanonicalError> {
        self.0.unsigned(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), CanonicalError> {
        self.0.unsigned(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), CanonicalError> {
        self.0.unsigned(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), CanonicalError> {
        self.0.unsigned(value)
    }

    fn serialize_f32(self, value: f32) -> Result<(), CanonicalError> {
        self.0.double(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), CanonicalError> {
        self.0.double(value)
    }

    fn serialize_char(self, value: char) -> Result<(), CanonicalError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), CanonicalError> {
        self.0.string(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CanonicalError> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), CanonicalError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CanonicalError> {
        self.0.push("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), CanonicalError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), CanonicalError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        let writer = self.variant(variant);
        value.serialize(Writer(writer.0))?;
        writer.0.push("}");
        Ok(())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<List<'t>, CanonicalError> {
        Ok(self.list("]"))
    }

    fn serialize_tuple(self, _length: usize) -> Result<List<'t>, CanonicalError> {
        Ok(self.list("]"))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<List<'t>, CanonicalError> {
        Ok(self.list("]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<List<'t>, CanonicalError> {
        Ok(self.variant(variant).list("]}"))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Object<'t>, CanonicalError> {
        Ok(self.object(""))
    }

    fn serialize_struct(self, name: &'static str, _length: usize) -> Result<Object<'t>, CanonicalError> {
        if name.starts_with(UNSEEN) {
            return Err(CanonicalError::Encoding);
        }
        Ok(self.object(""))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Object<'t>, CanonicalError> {
        Ok(self.variant(variant).object("}"))
    }
}

impl List<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        if !std::mem::take(&mut self.is_empty) {
            self.text.push(",");
        }
        value.serialize(Writer(self.text))
    }

    fn close(self) -> Result<(), CanonicalError> {
        self.text.push(self.end);
        Ok(())
    }
}

impl Object<'_> {
    fn known<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CanonicalError> {
        self.text.known_member(&mut self.open, name);
        value.serialize(Writer(self.text))
    }

    fn close(self) -> Result<(), CanonicalError> {
        self.text.close(&self.open)?;
        self.text.push(self.end);
        Ok(())
    }
}

macro_rules! list {
    ($($trait:ident $method:ident)*) => {$(
        impl ser::$trait for List<'_> {
            type Ok = ();
            type Error = CanonicalError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
                self.item(value)
            }

            fn end(self) -> Result<(), CanonicalError> {
                self.close()
            }
        }
    )*};
}

list!(SerializeSeq serialize_element SerializeTuple serialize_element
    SerializeTupleStruct serialize_field SerializeTupleVariant serialize_field);

macro_rules! object {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Object<'_> {
            type Ok = ();
            type Error = CanonicalError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), CanonicalError> {
                self.known(name, value)
            }

            fn end(self) -> Result<(), CanonicalError> {
                self.close()
            }
        }
    )*};
}

object!(SerializeStruct SerializeStructVariant);

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), CanonicalError> {
        let begins = self.text.begin_name(&self.open);
        name.serialize(Writer(self.text))?;
        self.text.end_name(&mut self.open, begins)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(Writer(self.text))
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.close()
    }
}
