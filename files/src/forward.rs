//! Wrappers of an object store that change how things are written, and nothing else.

/// Implements `object_store::ObjectStore` for a wrapper: the methods in braces are its own, whatever only reads,
/// lists, deletes, copies or renames goes to the store in the field named. The crate that calls it
/// depends on `async-trait`, `bytes`, `futures` and `object_store`.
#[macro_export]
macro_rules! forward_object_store {
    ($wrapper:ty, $inner:ident, { $($own:tt)* }) => {
        #[async_trait::async_trait]
        impl object_store::ObjectStore for $wrapper {
            $($own)*

            async fn get_opts(
                &self,
                location: &object_store::path::Path,
                options: object_store::GetOptions,
            ) -> object_store::Result<object_store::GetResult> {
                self.$inner.get_opts(location, options).await
            }

            async fn get_ranges(
                &self,
                location: &object_store::path::Path,
                ranges: &[std::ops::Range<u64>],
            ) -> object_store::Result<Vec<bytes::Bytes>> {
                self.$inner.get_ranges(location, ranges).await
            }

            fn delete_stream(
                &self,
                locations: futures::stream::BoxStream<
                    'static,
                    object_store::Result<object_store::path::Path>,
                >,
            ) -> futures::stream::BoxStream<
                'static,
                object_store::Result<object_store::path::Path>,
            > {
                self.$inner.delete_stream(locations)
            }

            fn list(
                &self,
                prefix: Option<&object_store::path::Path>,
            ) -> futures::stream::BoxStream<
                'static,
                object_store::Result<object_store::ObjectMeta>,
            > {
                self.$inner.list(prefix)
            }

            fn list_with_offset(
                &self,
                prefix: Option<&object_store::path::Path>,
                offset: &object_store::path::Path,
            ) -> futures::stream::BoxStream<
                'static,
                object_store::Result<object_store::ObjectMeta>,
            > {
                self.$inner.list_with_offset(prefix, offset)
            }

            async fn list_with_delimiter(
                &self,
                prefix: Option<&object_store::path::Path>,
            ) -> object_store::Result<object_store::ListResult> {
                self.$inner.list_with_delimiter(prefix).await
            }

            async fn copy_opts(
                &self,
                from: &object_store::path::Path,
                to: &object_store::path::Path,
                options: object_store::CopyOptions,
            ) -> object_store::Result<()> {
                self.$inner.copy_opts(from, to, options).await
            }

            async fn rename_opts(
                &self,
                from: &object_store::path::Path,
                to: &object_store::path::Path,
                options: object_store::RenameOptions,
            ) -> object_store::Result<()> {
                self.$inner.rename_opts(from, to, options).await
            }
        }
    };
}
