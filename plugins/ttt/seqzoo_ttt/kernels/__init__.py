"""TTT-Linear's dual form as Triton kernels, forward and backward, each with its twin in torch.

problem.py    the tensors that go in and come out
twin.py       the equations in torch: what the kernels are checked against
tiles.py      what the kernels do with tiles
forward.py, read_gradients.py, state_gradients.py         the kernels
run.py        starts them               op.py         as operators that differentiate
choice.py     when a rule takes them    layer.py      a rule's tokens and state, there and back
case.py       what they are compiled for and checked on
configs.json  warps and stages
"""
