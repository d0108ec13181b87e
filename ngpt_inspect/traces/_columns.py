"""The columns of the path table, each declared once."""

PATH = "path"
"""Name of the table, for figures that draw it."""

COLUMNS: dict[str, tuple[str, str]] = {
    "checkpoint": ("str", "short label, unique within the table"),
    "step": ("Int64", "training step; null when the trace does not say"),
    "family": ("str", "GPT or nGPT"),
    "row": ("str", "what the row is: state, next, mean or head"),
    "token": ("Int64", "position of the token in the prompt, from 0; null in mean and head rows"),
    "token_id": ("Int64", "its id"),
    "text": ("str", "its text"),
    "state": ("Int64", "blocks passed: 0 is the input embedding; null in next and head rows"),
    "depth": ("float64", "state / (2 n_layers): 0 the embedding, 1 the final state"),
    "layer": ("Int64", "layer of the block passed last, from 0; null for the embedding"),
    "block": ("str", "the block passed last: embedding, attention or mlp"),
    "norm": ("float64", "length of the state as the model has it"),
    "largest_over_median": (
        "float64",
        "largest coordinate of the state over the median one, both by size: massive activations",
    ),
    "largest_channel": ("Int64", "which coordinate is the largest by size"),
    "kurtosis": ("float64", "fourth central moment over the squared variance: 3 if normal"),
    "angle_moved": ("float64", "degrees from the state before the block to this one"),
    "angle_to_suggestion": ("float64", "degrees from the state before to the block's suggestion"),
    "share_of_way": ("float64", "angle_moved / angle_to_suggestion"),
    "angle_to_final": ("float64", "degrees to the token's final state"),
    "angle_to_next": ("float64", "degrees to the output embedding of the true next token"),
    "alignment": ("float64", "‖u − v‖² of the directions of both, 0 to 4"),
    "top_id": ("Int64", "what the head predicts from this state: id of the most probable token"),
    "top_text": ("str", "its text"),
    "top_probability": ("float64", "its probability"),
    "next_id": ("Int64", "id of the true next token; null where the trace ends"),
    "next_text": ("str", "its text"),
    "next_probability": ("float64", "its probability from this state"),
    "x_final": ("float64", "picture centred at the final state, degrees"),
    "y_final": ("float64", "the same"),
    "stress_final": ("float64", "what that picture loses, one number a token: 0 is nothing"),
    "x_next": ("float64", "picture centred at the next token's output embedding, degrees"),
    "y_next": ("float64", "the same"),
    "stress_next": ("float64", "what that picture loses"),
    "head": ("Int64", "which head of the layer, from 0; null but in head rows"),
    "attention_entropy": (
        "float64",
        "of the head's weights, nats; mean over queries from the second token on",
    ),
    "attention_to_first": (
        "float64",
        "the weight that the head gives the first token (attention sink); mean likewise",
    ),
}
"""Name -> dtype and meaning."""

MEANS = (
    "norm",
    "largest_over_median",
    "kurtosis",
    "angle_moved",
    "angle_to_suggestion",
    "share_of_way",
    "angle_to_final",
    "angle_to_next",
    "alignment",
    "top_probability",
    "next_probability",
)
"""Columns that mean rows have, over the tokens where the quantity is defined."""
