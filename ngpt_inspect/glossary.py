"""The paper's names in the words of other models: what Llama and GPT-2 call the same tensor."""

from dataclasses import dataclass

from ngpt_inspect.vocabulary import Role


@dataclass(frozen=True, kw_only=True)
class Term:
    """One role in the words of others."""

    words: str
    """One or two words of plain English."""
    llama: str = ""
    """The last part of its name in Llama's checkpoints; empty where it has none."""
    gpt2: str = ""
    """Likewise in GPT-2's; a fused tensor says which part."""

    @property
    def short(self) -> str:
        """Plain words, and the name most readers know: ``gate (gate_proj)``."""
        return f"{self.words} ({self.llama})" if self.llama else self.words


GLOSSARY: dict[Role, Term] = {
    Role.E_INPUT: Term(words="input embedding", llama="embed_tokens", gpt2="wte"),
    Role.E_OUTPUT: Term(words="output embedding", llama="lm_head", gpt2="lm_head, tied to wte"),
    Role.W_Q: Term(words="queries", llama="q_proj", gpt2="attn.c_attn, first third"),
    Role.W_K: Term(words="keys", llama="k_proj", gpt2="attn.c_attn, second third"),
    Role.W_V: Term(words="values", llama="v_proj", gpt2="attn.c_attn, last third"),
    Role.W_O: Term(words="attention output", llama="o_proj", gpt2="attn.c_proj"),
    Role.W_U: Term(words="up", llama="up_proj", gpt2="mlp.c_fc"),
    Role.W_NU: Term(words="gate", llama="gate_proj"),
    Role.W_O_MLP: Term(words="down", llama="down_proj", gpt2="mlp.c_proj"),
    Role.ALPHA_A: Term(words="eigen learning rate of attention"),
    Role.ALPHA_M: Term(words="eigen learning rate of the MLP"),
    Role.S_QK: Term(words="scale of queries and keys"),
    Role.S_U: Term(words="scale of up"),
    Role.S_NU: Term(words="scale of the gate"),
    Role.S_Z: Term(words="scale of the logits"),
    Role.GAIN_A: Term(words="gain before attention", llama="input_layernorm", gpt2="ln_1"),
    Role.GAIN_M: Term(words="gain before the MLP", llama="post_attention_layernorm", gpt2="ln_2"),
    Role.GAIN_FINAL: Term(words="gain of the final norm", llama="norm", gpt2="ln_f"),
    Role.E_POSITION: Term(words="position embedding", gpt2="wpe"),
}
"""What readers of other code call these roles."""
