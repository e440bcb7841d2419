"""Networks timed by onnxruntime."""
import pytest
import torch
from deploy_tickets import small_ticket

from mmst.deploy.profile.places import OnnxRuntime
from mmst.errors import TicketError
from mmst.pruning.mask import Mask
from mmst.tickets import Ticket

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
SHAPE = (32, 64)


def test_whole_networks_are_timed_and_their_modules_are_not():
    ticket = small_ticket('cityscapes')
    place = OnnxRuntime(lambda model: Ticket.from_model(model, ticket.model, Mask({}), ticket.meta),
                        SHAPE)
    network, image = place.prepare(ticket.build()), torch.randn(1, 3, *SHAPE)
    place.take([network], image, 2)
    assert len(network.whole) == 2 and min(network.whole) > 0
    output, = network.run(place.image(image))
    with torch.no_grad():
        expected = ticket.build()(image, None)
    tolerance = 1e-4 * float(expected.abs().max())
    assert torch.allclose(torch.from_numpy(output), expected, atol=tolerance)
    assert place.engine == 'torch' and place.machine()['device'].startswith('onnxruntime 1.')
    with pytest.raises(TicketError, match='whole networks'):
        place.prepare(ticket.build(), ['backbone.stem'])
