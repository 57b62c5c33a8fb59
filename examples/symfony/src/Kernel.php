<?php

namespace App;

use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\Routing\Attribute\Route;

class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        yield new FrameworkBundle();
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        // Signed values end with a restart where no secret is set.
        $secret = $_SERVER['APP_SECRET'] ?? bin2hex(random_bytes(16));
        $container->extension('framework', ['secret' => $secret]);
    }

    #[Route('/')]
    public function hello(): Response
    {
        return new Response("Hello from Symfony\n");
    }
}
