"""The exact chunked form in torch; read `algorithm` first.

algorithm             the four equations, on a chunk's scores and decays
algorithm_gradients   their gradients
state_pass            the state, carried from chunk to chunk and back
chunk_factors         what scores and decays are; one file a kind of decay computes them:
undecayed, head_decay, channel_decay
shared_rows           factors where heads share queries, keys and erase reads
shared_scores         the equations where they do and nothing is erased
transposed            the equations for reads of the transposed state
chunk_layout, rows    how tokens lie in chunks, and tensors in rows
passes, segments      a whole scan forward and back, and a long one in segments
broken_tokens         tokens with a NaN or an infinity
operator, backend     how autograd, torch.compile and `scan` call it
"""
