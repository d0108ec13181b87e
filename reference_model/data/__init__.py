"""Text, tokens and batches."""

from reference_model.data.encoded import TokenData, is_bin_folder, load_bins, load_text

__all__ = ["TokenData", "is_bin_folder", "load_bins", "load_text"]
